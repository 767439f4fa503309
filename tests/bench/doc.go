// Command bench measures capture and sink from the outside, each as a process of its own, with a real PostgreSQL and a
// real Apache Kafka beside them on the same machine, and prints tables in Markdown; -json names a file for the figures.
//
//	bench capture   snapshot, streaming drain, latency and memory of capture, with pg_recvlogical in the same run
//	                as ceiling
//	bench sink      rows accepted by a target that answers at once or after a delay, beside the figures of Azure's
//	                own connector
//
// Figures of different machines, or of this one at different times, cannot be compared; the ratios of one run can.
package main
