insert into t values (2, 2, 'b'); update t set v = 'c' where id = 2; update t set id = 3 where id = 2; update t set k = 9 where id = 3; delete from t where id = 3;
insert into u values (2, 2); update u set id = 5 where id = 2; delete from u;
insert into w values ('x', 1, 2); alter table w replica identity full; update w set b = 2; delete from w;
