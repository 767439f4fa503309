create table p (id int primary key, x text); create table c1 (y int) inherits (p); create table c2 () inherits (p); insert into p values (1, 'p'); insert into c1 values (2, 'c', 3), (4, 'd', 5);
create table z (id int);
create table q (id int, k int) partition by list (k); create table q1 partition of q for values in (1); create table q2 partition of q for values in (2); insert into q values (1, 1), (2, 1);
