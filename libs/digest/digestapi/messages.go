package digestapi

import (
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/digest"
)

func describe(d digest.Description) *tablev1.Table {
	t := &tablev1.Table{Name: d.Name, Topic: d.Topic, Key: d.Key, Envelope: d.Envelope, RepeatedRows: d.Repeated,
		Removable: d.Removable, Failure: d.Failure}
	for _, c := range d.Columns {
		t.Columns = append(t.Columns, &tablev1.TableColumn{Name: c.Name, Type: c.Type, Field: c.Field,
			Encoding: string(c.Encoding), Precision: int32(c.Precision), Scale: int32(c.Scale), Withheld: c.Withheld})
	}
	return t
}

func described(t *tablev1.Table) digest.Description {
	d := digest.Description{Name: t.GetName(), Topic: t.GetTopic(), Key: t.GetKey(), Envelope: t.GetEnvelope(),
		Failure: t.GetFailure()}
	for _, c := range t.GetColumns() {
		d.Columns = append(d.Columns, DescribedColumn(c))
	}
	return d
}

// DescribedColumn reads a column of a Table.
func DescribedColumn(c *tablev1.TableColumn) digest.DescribedColumn {
	return digest.DescribedColumn{Name: c.GetName(), Type: c.GetType(), Field: c.GetField(),
		Encoding: digest.Encoding(c.GetEncoding()), Precision: int(c.GetPrecision()), Scale: int(c.GetScale()),
		Withheld: c.GetWithheld()}
}

func columns(selected []*tablev1.SelectedColumn) []digest.Column {
	all := make([]digest.Column, len(selected))
	for i, c := range selected {
		all[i] = digest.Column{Name: c.GetName(), Type: c.GetType(), Encoding: digest.Encoding(c.GetEncoding()),
			Scale: int(c.GetScale()), Form: digest.Form(c.GetForm())}
	}
	return all
}
