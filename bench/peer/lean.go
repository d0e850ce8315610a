// Command lean is the reference of the bench: the least Go that still restores a dropped status over TLS.
//
// It does what status-guard does for the commonest loss, and nothing else: no rules, no exemptions, no partial losses,
// no log, no metrics, no limits. It is written the way a careful Go programmer would write it with the standard
// library alone: one pass of encoding/json over the fields that matter, the status left as text, the patch put
// together by hand.
package main

import (
	"crypto/tls"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
)

const (
	patchHead = `[{"op":"add","path":"/status","value":`
	patchTail = `}]`
)

type resource struct {
	Status json.RawMessage `json:"status"`
}

type question struct {
	Request struct {
		UID       string   `json:"uid"`
		Operation string   `json:"operation"`
		Object    resource `json:"object"`
		OldObject resource `json:"oldObject"`
	} `json:"request"`
}

type verdict struct {
	UID       string `json:"uid"`
	Allowed   bool   `json:"allowed"`
	PatchType string `json:"patchType,omitempty"`
	Patch     []byte `json:"patch,omitempty"`
}

type answer struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Response   verdict `json:"response"`
}

// lost says whether the write drops the status as a whole.
func (q *question) lost() bool {
	return q.Request.Operation == "UPDATE" && q.Request.Object.Status == nil && q.Request.OldObject.Status != nil
}

// restore is the JSONPatch that puts the old status back, byte for byte.
func restore(status json.RawMessage) []byte {
	patch := make([]byte, 0, len(patchHead)+len(status)+len(patchTail))
	patch = append(patch, patchHead...)
	patch = append(patch, status...)
	return append(patch, patchTail...)
}

func mutate(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		http.Error(w, "a Content-Length is required", http.StatusLengthRequired)
		return
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, "the body ended early", http.StatusBadRequest)
		return
	}
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		http.Error(w, "the body is not an AdmissionReview", http.StatusBadRequest)
		return
	}
	a := answer{
		APIVersion: "admission.k8s.io/v1",
		Kind:       "AdmissionReview",
		Response:   verdict{UID: q.Request.UID, Allowed: true},
	}
	if q.lost() {
		a.Response.PatchType = "JSONPatch"
		a.Response.Patch = restore(q.Request.OldObject.Status)
	}
	text, err := json.Marshal(a)
	if err != nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	// A client that has gone needs no answer.
	_, _ = w.Write(text)
}

func main() {
	address := flag.String("address", "127.0.0.1:8443", "host:port to listen on")
	certificate := flag.String("tls-cert", "", "PEM file")
	key := flag.String("tls-key", "", "PEM file")
	flag.Parse()
	routes := http.NewServeMux()
	routes.HandleFunc("POST /mutate", mutate)
	server := &http.Server{
		Addr:    *address,
		Handler: routes,
		// The API server talks HTTP/1.1 to most webhooks, and status-guard speaks nothing else.
		TLSConfig: &tls.Config{NextProtos: []string{"http/1.1"}},
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}
