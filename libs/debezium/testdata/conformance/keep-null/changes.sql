insert into t values (3, null, null); update t set x = 7, y = null where id = 2; delete from t where id = 1; select pg_logical_emit_message(true, 'app', 'hello');
