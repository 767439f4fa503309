insert into p values (9, 'end');
