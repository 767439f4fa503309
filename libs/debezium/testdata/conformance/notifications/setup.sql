create table sig (id varchar(42) primary key, type varchar(32) not null, data varchar(2048));
create table a (id int primary key, v text); insert into a select g, 'x' from generate_series(1, 3) g;
create table b (id int primary key);
create table c (k text, id int, v text, primary key (k, id)); insert into c values ('q', 1, 'x'), ('r', 2, 'y');
create table keyless (x int); insert into keyless values (1);
