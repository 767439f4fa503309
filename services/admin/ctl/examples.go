package ctl

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are what --help of each command shows, by its path. They tell one story, that of the
// orders use case, and so stand together. A line is a whole command line.
var examples = map[string]string{
	"apply": `
# both connectors of the use case, in the JSON form of Kafka Connect
calypsoctl apply -f examples/orders/pg-source-config.json
calypsoctl apply -f examples/orders/adx-sink-config.json
# what would be done, of a file that export wrote
calypsoctl apply -f connectors.yaml --dry-run`,
	"diff": `
# in CI: the exit status is 1 if the file and the connectors differ
calypsoctl diff -f connectors.yaml`,
	"export": `
calypsoctl export > connectors.yaml
calypsoctl export pg-orders-source`,
	"describe": `
calypsoctl describe pg-orders-source`,
	"rollback": `
calypsoctl get versions pg-orders-source
calypsoctl rollback pg-orders-source --to 3`,
	"wait": `
# in a script: until the first snapshot is through, ten minutes at most
calypsoctl wait pg-orders-source --for healthy --timeout 10m`,
	"watch": `
calypsoctl watch
calypsoctl watch pg-orders-source --interval 5s`,
	"verify": `
# the sink of the use case waits 30 s for a batch, and ADX 30 s more
calypsoctl verify pg-orders-source --patience 90s
calypsoctl verify pg-orders-source --table retail.orders_info -o json`,
	"repair": `
calypsoctl repair pg-orders-source --table retail.orders_info
calypsoctl repair pg-orders-source --table retail.orders_info --write`,
	"pause": `
calypsoctl pause adx-orders-sink`,
	"resume": `
calypsoctl resume adx-orders-sink`,
	"stop": `
calypsoctl stop adx-orders-sink`,
	"restart": `
calypsoctl restart adx-orders-sink`,
	"acknowledge": `
calypsoctl acknowledge pg-orders-source
calypsoctl acknowledge adx-orders-sink
calypsoctl acknowledge adx-orders-sink --kind truncated --topic myserver.retail.orders_info`,
	"delete": `
calypsoctl delete adx-orders-sink`,

	"get pipelines": `
calypsoctl get pipelines
calypsoctl get pipelines -o json`,
	"get connectors": `
calypsoctl get connectors`,
	"get tables": `
calypsoctl get tables
calypsoctl get tables --late --filter orders
calypsoctl get tables pg-orders-source`,
	"get schemas": `
calypsoctl get schemas pg-orders-source
calypsoctl get schemas pg-orders-source retail.orders_info --limit 5`,
	"get versions": `
calypsoctl get versions pg-orders-source`,
	"get events": `
calypsoctl get events
calypsoctl get events pg-orders-source adx-orders-sink --limit 20`,
	"get plugins": `
calypsoctl get plugins`,
	"get services": `
calypsoctl get services
calypsoctl get services -o json`,

	"transactions list": `
calypsoctl transactions list
# in other topics than those of Calypso and its connectors
calypsoctl transactions list --topic my-topic`,
	"transactions abort": `
calypsoctl transactions abort calypso-offsets 7 --producer 4003`,

	"snapshot start": `
# all orders again, and those of one city
calypsoctl snapshot start pg-orders-source --table retail.orders_info
calypsoctl snapshot start pg-orders-source --table retail.orders_info --where "city = 'Seattle'"`,
	"snapshot progress": `
calypsoctl snapshot progress pg-orders-source`,
	"snapshot pause": `
calypsoctl snapshot pause pg-orders-source`,
	"snapshot resume": `
calypsoctl snapshot resume pg-orders-source`,
	"snapshot stop": `
calypsoctl snapshot stop pg-orders-source --table retail.orders_info`,

	"offsets get": `
calypsoctl offsets get pg-orders-source
calypsoctl offsets get adx-orders-sink -o json > offsets.json`,
	"offsets set": `
# what would follow, then do it
calypsoctl offsets set adx-orders-sink -f offsets.json
calypsoctl offsets set adx-orders-sink -f offsets.json --yes`,
	"offsets reset": `
# what would come twice, and where
calypsoctl offsets reset pg-orders-source
# read all tables again, into topics that have their rows already
calypsoctl offsets reset pg-orders-source --yes
# fill a table that was dropped in Azure Data Explorer, as far as its topic still has the records
calypsoctl offsets reset adx-orders-sink --topic myserver.retail.orders_info --yes`,

	"offsets recover": `
# after OFFSETS_LOST: where its tables prove that it was, then have it go on there
calypsoctl offsets recover adx-orders-sink
calypsoctl offsets recover adx-orders-sink --yes`,

	"dead-letters list": `
calypsoctl dead-letters list adx-orders-sink
calypsoctl dead-letters list adx-orders-sink --reason mapping -o json`,
	"dead-letters replay": `
# after the cause is fixed
calypsoctl dead-letters replay adx-orders-sink --all
calypsoctl dead-letters replay adx-orders-sink --id 0/17`,
	"dead-letters discard": `
calypsoctl dead-letters discard adx-orders-sink --id 0/17`,

	"logs levels": `
calypsoctl logs levels`,
	"logs set": `
# what is asked of the workers, while something is looked into
calypsoctl logs set root DEBUG
calypsoctl logs set root INFO`,

	"probe adx": `
# with the account of az login, and a report that can be attached to an issue
calypsoctl probe adx --url https://mycluster.westeurope.kusto.windows.net --database retail --auth AZ_CLI --report probe-adx.md
# as the application that the sink connector is
calypsoctl probe adx --url https://mycluster.westeurope.kusto.windows.net --database retail --app-id 1234 --tenant 5678 --app-key-file key.txt`,

	"probe kafka": `
calypsoctl probe kafka --bootstrap-servers localhost:9092
# a namespace of Event Hubs, whose connection string is in a file
calypsoctl probe kafka --bootstrap-servers mynamespace.servicebus.windows.net:9093 --kafka-tls --kafka-sasl-mechanism PLAIN --kafka-sasl-username '$ConnectionString' --kafka-sasl-password-file connection.txt --report probe-kafka.md`,

	"probe postgres": `
calypsoctl probe postgres --host localhost --database shop --user debezium --password-file password.txt
calypsoctl probe postgres --host myserver.postgres.database.azure.com --database shop --user debezium --password-file password.txt --sslmode verify-full --report probe-postgres.json`,

	"orders get": `
calypsoctl orders get`,
	"orders rate": `
calypsoctl orders rate 1000`,
	"orders burst": `
calypsoctl orders burst 100000`,
	"orders start": `
calypsoctl orders start`,
	"orders stop": `
calypsoctl orders stop`,
}

// addExamples gives a command and those below it their examples.
func addExamples(command *cobra.Command) {
	_, path, _ := strings.Cut(command.CommandPath(), " ")
	command.Example = strings.ReplaceAll(strings.Trim(examples[path], "\n"), "\n", "\n  ")
	if command.Example != "" {
		command.Example = "  " + command.Example
	}
	for _, below := range command.Commands() {
		addExamples(below)
	}
}
