insert into t select id + 3, a, b, c from t; update t set b = 'infinity', c = '-infinity' where id = 4;
