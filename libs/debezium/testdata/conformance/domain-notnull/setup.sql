create schema s2; create type s2.mood as enum ('a', 'b'); create domain dn as varchar(8) not null; create domain dd as dn; create domain dx as numeric(8,3) not null default 1.5; create domain di as int;
create table t (id int primary key, a dn default 'q', b dd, c dx, d di not null, e numeric[], f numeric(5,1)[], g interval year, h interval day to second, i interval(2), j interval day to second(3), k s2.mood, l s2.mood[], x int);
insert into t values (1, 'a', 'b', 2, 3, '{1}', '{2.5}', '1 year', '1 day', '1.234 s', '2.3456 s', 'a', '{b}', 1);
