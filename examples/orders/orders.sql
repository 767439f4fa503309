-- The source of the orders use case. Running it again changes nothing.
CREATE SCHEMA IF NOT EXISTS retail;

CREATE TABLE IF NOT EXISTS retail.orders_info (
    orderid       SERIAL       NOT NULL PRIMARY KEY,
    custid        INTEGER      NOT NULL,
    amount        INTEGER      NOT NULL,
    city          VARCHAR(255) NOT NULL,
    purchase_time VARCHAR(20)  NOT NULL
);
