// Package ordersgenerator is the shop of the orders use case: it writes orders into the table retail.orders_info of a
// PostgreSQL database, at a rate and with a mix that can be changed while it runs.
//
// Model. shop draws random changes, pace says when how many are due, database commits them, one transaction and one
// round trip each; generator joins the three, and controls lets callers change what it does (OrdersService).
//
// Guarantees. One seed gives one series of orders. A change is counted only when its transaction is
// committed. A failed transaction is not repeated, since a lost connection does not tell whether it
// was committed. The password appears in no log, error or trace.
package ordersgenerator
