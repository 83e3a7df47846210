// Package keda holds KEDA's own scaler against our endpoint. It is a module of its own, so that weft does not depend on
// what KEDA depends on: see keda_test.go, and `make keda-check`.
package keda
