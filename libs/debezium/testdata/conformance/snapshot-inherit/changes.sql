insert into c2 values (9, 'c2'); insert into q values (3, 2);
