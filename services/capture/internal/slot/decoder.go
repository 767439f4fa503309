package slot

import (
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// decoder makes the decoder of the session's output plugin, for a stream that goes on at a
// position, and the spool in which it keeps large transactions on disk.
func (s *Slot) decoder(t Target, resume pgrepl.Position) (pgrepl.Decoder, *pgrepl.Spool, error) {
	spool := pgrepl.NewSpool("", s.d.Spec.Output.SpoolBytes)
	switch t.Plugin {
	case spec.Pgoutput:
		o := pgrepl.PgoutputOptions{
			Publication: s.d.Spec.Publication.Name, Protocol: s.protocol(), Messages: s.d.Server.Major() >= 14,
			Extra: s.d.Spec.Output.Parameters,
		}
		if o.Protocol >= 2 {
			o.Spool = spool
		}
		return pgrepl.NewPgoutput(o, t.Catalog), spool, nil
	case spec.Wal2JSON:
		return pgrepl.NewWal2JSON(pgrepl.Wal2JSONOptions{Format: s.d.Spec.Output.Format, PlainNumbers: s.plainNumbers,
			Captured: s.d.Spec.Tables.Read, Extra: s.d.Spec.Output.Parameters}, t.Catalog), spool, nil
	case spec.Decoderbufs:
		return pgrepl.NewDecoderbufs(pgrepl.DecoderbufsOptions{Resume: resume, Captured: s.d.Spec.Tables.Read, Spool: spool,
			Unidentified: s.d.Unidentified, Extra: s.d.Spec.Output.Parameters}, t.Catalog), spool, nil
	}
	return nil, nil, retry.Permanent("plugin.name=%s is not supported; set plugin.name=pgoutput", t.Plugin)
}

// protocol is the version of pgoutput's protocol to ask for: what is set, lowered to what the server knows.
func (s *Slot) protocol() int {
	most := 1
	switch v := s.d.Server.Major(); {
	case v >= 16:
		most = 4
	case v == 15:
		most = 3
	case v == 14:
		most = 2
	}
	return min(s.d.Spec.Output.Protocol, most)
}
