insert into t values (3, '{(1,2),(3,4)}', '{a,b;c}', '{"[(1,2),(3,4)]","[(5,6),(7,8)]"}'), (4, null, null, null);
update t set boxes = '{(0,0),(1,1);(2,2),(3,3);(4,4),(5,5)}' where id = 2;
