create table t (id int primary key, x int default 5, y text default 'd'); insert into t values (1, null, null), (2, 1, 'a');
