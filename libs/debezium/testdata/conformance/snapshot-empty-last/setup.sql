create table a (id int primary key); create table b (id int primary key, x text); create table c (id int primary key); create table d (id int primary key); create table e (id int primary key);
insert into b values (1, 'x'), (2, 'y'), (3, 'z'); insert into d values (1), (2);
