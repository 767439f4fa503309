insert into d (id, b4, i5, i10, u1) values (3, false, 3, 4, null); update d set x = 'y', t1 = null, n1 = null where id = 2;
insert into g (id) values (4); update g set x = 1 where id = 1; delete from g where id = 2;
update k set id = 2; delete from k;
alter table g replica identity full; update g set x = 2 where id = 3; delete from g where id = 3;
