create table sig (id varchar(42) primary key, type varchar(32) not null, data varchar(2048));
create table g (id int primary key, a int not null, b int generated always as (a * 2) stored, c text default 'x', d text not null generated always as ('p' || a) stored, dropped int);
insert into g (id, a) select g, g from generate_series(1, 5) g;
