// Package lake is weft's durable memory: tables of rows in immutable Parquet
// segments below lake/v1/ of a tenant's bucket.
//
// A row has a key, a version (Unix ms) and may be a tombstone; a table holds, for
// each key, the row of the highest version. Any number of processes may write, read
// and compact one lake at once, with nothing but the bucket between them.
//
//	l, err := lake.Open(ctx, lake.Config{Store: objects.WithPrefix(bucket, "default/")})
//	err = l.Features.Append(ctx, feature)        // durable when it returns
//	f, found, err := l.Features.Get(ctx, lake.FeatureKey(sha, recipe))
//	for p, err := range l.Products.Scan(ctx) { … }
//	err = l.Refresh(ctx)                         // see what others have written
//	err = l.Close(ctx)
//
// # Layout
//
//	lake/v1/<table>/<segment>              a table in one folder
//	lake/v1/<table>/p=<hh>/<segment>       a partitioned table: FNV-1a of the partition key, modulo
//	lake/v1/generations/<g>.json, live.json
//
// Segment names begin with the time of writing and are never used twice. Inside, rows
// are sorted by key, one for each key; row groups are small (Config.GroupBytes), each
// with a Bloom filter and bounds of its keys, and a page index. Vectors are
// LIST<FLOAT>, times INT64 TIMESTAMP: DuckDB and pandas read them as they are, see
// Views. A reader ignores columns it does not know and takes missing ones as zero.
//
// # Writing
//
// Append gathers what arrives at about the same time into one commit, one segment for
// each table and partition. The first row after a pause is committed almost at once;
// under load a table commits about every Config.CommitDelay, or when it has gathered
// Config.CommitBytes. Compact merges small segments into larger ones, and deletes the
// small ones when the large ones are durable.
//
// # Cost
//
// Measured with BenchmarkImages: a million images at 400 a second (1280 dimensions;
// a feature row and an object row each) with the default CommitDelay of 100 ms take
// 52,000 PUTs: 25,000 commits of each of the two tables and 1,900 of merged segments.
// They put 21.5 GB, of which 5.5 GB are commits and 15.9 GB merging, three to four
// times over; 5.4 GB remain. The PUTs of commits go with 1/CommitDelay, the wait for
// one too (TestDelayTradesLatencyForPuts, random arrivals, a PUT of 30 ms):
//
//	CommitDelay   PUTs per table and million rows   Append, mean and 99 %
//	10 ms         246,500                           35 ms, 40 ms
//	50 ms          50,000                           55 ms, 79 ms
//	100 ms         25,250                           80 ms, 129 ms
//	250 ms         10,250                           156 ms, 278 ms
//	1 s             2,750                           532 ms, 1.02 s
//
// # Reading
//
// A look-up asks the filters of all segments, which are kept in memory, and then reads
// only the narrow columns of one row group and one page of each vector. A scan merges
// the sorted segments. Both start over, where they stopped, when compaction deletes
// a segment under them. A file that is damaged or not a segment is left out, logged
// as an error and listed by Corrupt.
package lake
