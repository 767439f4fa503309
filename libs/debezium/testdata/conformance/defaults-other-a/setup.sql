create extension hstore; create extension citext; create extension ltree; create schema s2;
create type mood as enum ('sad', 'ok', 'it''s'); create type "Odd Mood" as enum ('a,b', 'c'); create type s2.mood as enum ('sad', 'far');
create domain d_int as int default 7; create domain d_text as text;
create function f() returns int language sql as 'select 1';
create table d (id int primary key, x text,
  b1 boolean default true, b2 boolean default (1 = 1), b3 boolean default (not true), b4 boolean default (random() > 0.5), b5 boolean default null, b6 boolean default 'yes', b7 boolean default ('a' collate "C" = 'b'), b8 boolean default null::boolean,
  i1 int default 1 + 2, i2 int default '42'::int, i3 int default -5, i4 int default length('abc'), i5 int default (random() * 10)::int, i6 int default f(), i7 bigint default 9223372036854775807, i8 smallint default -1, i9 int default null::int, i10 bigint default extract(epoch from now()), i11 int default ('5'::text)::int, i12 int default 2147483648 - 1, i13 int default current_setting('block_size')::int, i14 bigint default (1::bigint << 3),
  r1 real default 1.5, r2 real default 'NaN', r3 double precision default 1e300, r4 double precision default -0.5, r5 double precision default pi(), r6 real default 'Infinity', r7 double precision default '1e-5', r8 double precision default 1/3.0,
  n1 numeric default 1.10, n2 numeric default -3, n3 numeric(6,2) default 1, n4 numeric(6,2) default '2.50', n5 numeric default 'NaN', n6 numeric default 1e5, n7 numeric default round(2.5), n8 numeric(6,2) default -0.0, n9 numeric(10,4) default (1.5 * 2), n10 numeric default null,
  m1 money default 1.50, m2 money default '$2.00',
  t1 text default 'it''s', t2 text default E'a\nb', t3 text default 'a' || 'b', t4 text default current_user, t5 text default '{"a": "b"}', t6 text default null, t7 text default '', t8 text default upper('q'), t9 text default ('x'), t10 text default 'NULL::text', t11 varchar(3) default 'abc', t12 char(4) default 'ab', t13 text default E'back\\slash', t14 text default coalesce('a', 'b'), t15 text default case when true then 'y' else 'z' end, t16 text default (array['p','q'])[1], t17 text default 'it''s' || 'x', t18 text default E'\'q\'', t19 text default session_user || 'x', t20 varchar default 'a'::char(3), t21 text default '日本''語',
  t22 citext default 'CI', t23 ltree default 'a.b', t24 name default 'n', t25 "char" default 'b',
  bi1 bit default B'1', bi2 bit(3) default B'101', bi3 bit varying default B'10', bi4 bit(3) default '011', bi5 bit(1) default '1', bi6 bit(3) default 5::bit(3), bi7 bit varying(5) default B'1' || B'0',
  u1 uuid default gen_random_uuid(), u2 uuid default '12345678-9abc-def0-1234-56789abcdef0', u3 uuid default 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
  j1 json default '{}', j2 jsonb default '{"a": [1, "it''s"]}', j3 jsonb default jsonb_build_object(), j4 json default 'null', j5 jsonb default '[]'::jsonb || '[1]',
  x1 xml default '<x/>', by1 bytea default '\x01', in1 inet default '10.0.0.1', ci1 cidr default '10.0.0.0/8', ma1 macaddr default '08:00:2b:01:02:03',
  e1 mood default 'ok', e2 mood default 'it''s', e3 mood default 'sad'::public.mood, e4 "Odd Mood" default 'a,b', e5 s2.mood default 'far', e6 mood default ('ok'::text)::mood, e7 mood default enum_first(null::mood), e8 mood default null,
  do1 d_int default 5, do2 d_int, do3 d_text default 'd',
  a1 int[] default '{}', a2 text[] default array['a'], h1 hstore default 'a=>1', p1 point default '(1,2)', rg1 int4range default '[1,2)', o1 oid default 1259, v1 tsvector default 'x', l1 pg_lsn default '0/1');
insert into d (id, b4, i5, i10, u1) values (1, true, 1, 2, '12345678-9abc-def0-1234-56789abcdef0'); insert into d (id, t1, b2, b4, i5, i10, u1) values (2, null, null, null, null, null, null);
create table g (id int primary key, g1 int generated always as (1 + 1) stored, g2 text generated always as ('a' || 'b') stored, g3 text generated always as (case when id = 2 then null else id::text end) stored, g4 int generated always as (null::int) stored, g5 numeric(6,2) generated always as (1.5) stored, g6 int not null generated always as (abs(-3)) stored, g7 boolean generated always as (id > 2) stored,
  g8 timestamp generated always as ('2020-01-01'::timestamp + '1 day'::interval) stored, g9 text generated always as ('lit') stored, g10 text generated always as (case when id > 0 then null else 'lit' end) stored, g11 int generated always as (nullif(id, 1)) stored, x int);
insert into g (id) values (1), (2), (3);
create table k (g int generated always as (7) stored, id int default f(), t text default 'k' not null, primary key (t, id)); insert into k values (default, 1);
