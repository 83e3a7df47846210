// Package divide cuts a shop's rows into what is learnt from, what is chosen on and what is measured on. Its one walk
// through consent, cleaning and split serves the tables that are written to files and the training that reads the lake,
// so that both learn from the same rows.
//
//	d, err := divide.New(ctx, tables, config)         // consent, boundaries: one reading of all events
//	err = d.Interactions(ctx, take)                   // a second one: rows with their parts
//	part, known := d.Fact(product.UpdatedAt)          // which part may know what a listing says
//	err = d.Fit(ctx, fit)                             // statistics of what train may know
//	err = d.Told(ctx, fit.Statistics(), take)         // what users have told in time
//
// No more than one user's events are held at once.
package divide
