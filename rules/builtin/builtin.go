// Package builtin holds the rules that come with the program.
package builtin

import "deadbox/rules"

// All lists the rules, grouped as an intrusion goes: the way in, what was
// dropped, how they became root, how they would come back, what was hidden.
var All = []*rules.Rule{
	// Requests to the web server.
	webExploitRequest,
	webShellFile,
	droppedFileRequested,
	webLoginGuessed,
	settingWeb,
	webScan,

	// Logins.
	bruteForceSuccess,
	sprayedLogin,
	rootAfterLogin,
	serviceAccountUsed,
	newAccountLogin,
	newKeyUsed,
	privilegeExploitLog,

	// What lies on the disk.
	temporaryExecutable,
	hiddenDirectory,
	deviceRegularFile,
	masqueradingName,
	malwareStrings,
	strayKernelModule,
	droppedProgramCrashed,

	// Rights.
	setuidUnknown,
	setuidInterpreter,
	capabilityUnusual,
	worldWritableAccounts,
	secondUIDZero,
	emptyPassword,
	passwordInPasswd,
	systemAccountPassword,
	privilegedGroupMember,

	// Ways back in.
	authorizedKey,
	cronSuspicious,
	libraryPreload,
	startupSuspicious,
	changedStartup,
	changedAuthentication,
	settingAuthentication,
	changedSystemFile,
	timestompedBinary,
	newSystemBinary,
	packagedFileRewritten,

	// What was typed.
	commandDownloadExecute,
	commandReverseShell,
	commandPersistence,
	commandEscalation,
	commandCoverTracks,
	commandMining,
	commandExfiltration,
	lootGathered,

	// Traces removed.
	historyDisabled,
	logCleared,
	logGap,
	logDeleted,
	rotatedLogMissing,
	loggingMasked,
	settingLogging,
	settingNetwork,
	immutableFile,
}
