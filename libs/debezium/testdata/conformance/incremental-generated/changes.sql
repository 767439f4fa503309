insert into sig values ('s1', 'execute-snapshot', '{"data-collections": ["public.g"], "type": "incremental"}');
select pg_sleep(4);
insert into g (id, a) values (10, 10); update g set c = 'y' where id = 1; delete from g where id = 2;
insert into sig values ('s2', 'execute-snapshot', '{"data-collections": ["public.g"], "type": "incremental"}');
select pg_sleep(4);
alter table g add column e int generated always as (a + 1) stored, add column f int default 3;
insert into sig values ('s3', 'execute-snapshot', '{"data-collections": ["public.g"], "type": "incremental"}');
select pg_sleep(4);
update g set c = 'z' where id = 3;
