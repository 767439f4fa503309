insert into t values (2, 'a', 'b', 2, 3, '{1}', '{2.5}', '1 year', '1 day', '1.234 s', '2.3456 s', 'a', '{b}', 1); update t set x = 2; delete from t;
