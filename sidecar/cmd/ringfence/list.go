package main

// list are the verbs about lists, one file each.
type list struct {
	Add    listAdd    `cmd:"" help:"Put entries on a list of the running daemon."`
	Remove listRemove `cmd:"" help:"Take entries off a list of the running daemon."`
	Revert listRevert `cmd:"" help:"Take back what was added to a list or removed from it."`
	Check  listCheck  `cmd:"" help:"Look for what is likely wrong with the files of lists."`
	Show   listShow   `cmd:"" help:"Show the lists of the running daemon, or whether one holds a number."`
	Accept listAccept `cmd:"" help:"Take the copy of a fetched list that its guard holds back."`
	Build  listBuild  `cmd:"" help:"Write a list in its compiled form, which loads at once."`
}
