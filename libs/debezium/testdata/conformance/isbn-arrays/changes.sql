insert into books values (3, '0-393-04002-X', '{NULL}', '{}'), (4, null, '{}', '{}');
insert into books values (5, null, '{0-393-04002-X,0-393-04002-X}', '{0-393-04002-X,0-393-04002-X}');
update books set many = '{0-393-04002-X}' where id = 1;
delete from books where id = 2;
