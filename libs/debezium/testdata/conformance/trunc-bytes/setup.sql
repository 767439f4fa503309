create table t (id int primary key, a bytea, b pg_lsn, c bit varying(40), d numeric(20,2), e bytea[], f line, g money, x int); alter table t alter column a set storage external;
insert into t values (1, '\x0102030405', '16/B374D848', B'1010101010101010101010101010101', 123456789.25, '{"\\x0102030405"}', '{1,2,3}', 12345.67, 1), (2, '\x01', '0/0', B'1', 1, '{}', null, null, 1);
insert into t select 3, decode(repeat('ab', 5000), 'hex');
