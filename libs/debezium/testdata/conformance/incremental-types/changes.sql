insert into sig values ('s1', 'execute-snapshot', '{"data-collections": ["public.mixed"], "type": "incremental"}');
select pg_sleep(5);
insert into sig values ('s2', 'execute-snapshot', '{"data-collections": ["public.mixed"], "type": "incremental", "additional-conditions": [{"data-collection": "public.mixed", "filter": "b = 1"}]}');
select pg_sleep(5); update mixed set n = 2 where b = 1;
