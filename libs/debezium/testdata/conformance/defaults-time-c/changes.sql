insert into d (id, d6, d7, d8, d12, d13, t9, t10, ts9, ts10, ts13, ts15) values (3, '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01', '10:00', '10:00', '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01');
update d set d3 = null, t2 = null, ts2 = null, tz2 = null where id = 3;
update n set x = 'y';
delete from n;
