insert into t select 2, a, b, c, d, e, f, g, h, i, j from t; update t set g = null where id = 2;
