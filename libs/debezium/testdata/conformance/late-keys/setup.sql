create table k (x int, y int not null, z text);
alter table k replica identity full;
create table k2 (x int, y int not null, z text);
create table k3 (x int primary key, y int, z text);
create table again (x int not null, y int);
