update t set x = 'c'; update t set id = 5 where id = 1; insert into t values (6, 'd'); delete from t where id = 5; truncate t;
