update a set x = 'y' where id = 2; insert into b values (3, 3);
