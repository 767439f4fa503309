create table t (id int primary key, boxes box[], names text[], lines lseg[]);
insert into t values (1, '{(1,2),(3,4);(5,6),(7,8)}', '{"a;b",c}', '{"[(1,2),(3,4)]"}'), (2, '{}', null, null);
