insert into n select id + 10, a, b from n;
