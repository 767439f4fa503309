create extension if not exists isn;
create table books (id int primary key, one isbn, many isbn[], must isbn[] not null default '{}');
insert into books values (1, '0-393-04002-X', '{0-393-04002-X,NULL}', '{}'), (2, null, '{0-393-04002-X}', '{0-393-04002-X}');
