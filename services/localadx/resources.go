package localadx

import (
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
)

// signatureLife is how long storage URLs are good for; SDKs ask for new ones every hour.
const signatureLife = 7 * 24 * time.Hour

// resources hands out signed storage URLs.
type resources struct {
	signer  *azstorage.Signer
	like    fidelity.Set
	rotates azstorage.Rotation
}

// IngestionResources implements command.Resources. Queue URLs carry the account because the Java SDK insists.
func (r *resources) IngestionResources(storageURL string) [][2]string {
	expiry := time.Now().Add(signatureLife)
	queue := func(name string) string {
		name = r.rotates.Name(name)
		return storageURL + "/" + azstorage.Account + "/" + name + "?" + r.signer.Sign(name, expiry)
	}
	direct := func(name string) string {
		name = r.rotates.Name(name)
		return storageURL + "/" + name + "?" + r.signer.Sign(name, expiry)
	}
	all := [][2]string{
		{command.TempStorage, direct(azstorage.Container)},
		{"SecuredReadyForAggregationQueue", queue(azstorage.IngestionQueue)},
		{"FailedIngestionsQueue", queue(azstorage.FailedQueue)},
		{"SuccessfulIngestionsQueue", queue(azstorage.SucceededQueue)},
		{"IngestionsStatusTable", direct(azstorage.StatusTable)},
	}
	if r.like.Has(fidelity.TwoQueues) {
		all = append(all, [2]string{"SecuredReadyForAggregationQueue", queue(azstorage.SecondQueue)})
	}
	return all
}

// IdentityToken implements command.Resources: messages come with a signature, so nothing depends on it.
func (r *resources) IdentityToken() string { return "localadx" }
