create table n (id int primary key, a timestamp[], b timestamp(3)[]);
insert into n values (1, array['2020-01-01', '0001-01-01', '9999-12-31', '1900-01-01']::timestamp[], array['2020-01-01 00:00:00.123', '2500-01-01']::timestamp[]), (2, array['1500-01-01']::timestamp[], '{}');
