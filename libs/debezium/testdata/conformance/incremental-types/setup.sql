create table sig (id varchar(42) primary key, type varchar(32) not null, data varchar(2048));
create table mixed (a text, b int, t timestamptz default now(), n numeric(6,2) default 1.5, d date, j jsonb, primary key (b, a)); insert into mixed select 'k' || g, g % 3, '2020-01-01 00:00:00.5+00', null, '0044-03-15 BC', '{"a": 1}' from generate_series(1, 7) g;
