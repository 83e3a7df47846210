// Package serve is weft's HTTP side: the catalogue team puts photos and listings
// in, the recommender reads vectors, neighbours and recommendations out, and the
// service desk what is known of a shopper.
//
// A [Server] answers for a fixed set of tenants. What it stores is in the tenant's
// bucket before it answers; what it reads comes from the vectors on Redis, except
// neighbours, which it searches in memory ([Neighbours]), and what shoppers did, which
// it reads in the lake ([Recommender]). It computes no vector:
// after a write it tells the scheduler through Config.Notify, and the sweep finds
// whatever a lost hint leaves behind.
package serve
