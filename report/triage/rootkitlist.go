package triage

// family is a rootkit, a backdoor or a bot by the places that those who analysed it
// found it in.
type family struct {
	name  string
	ref   string
	paths []string // patterns, as those of an extractor's Paths
}

const (
	byTools = "known to chkrootkit (https://www.chkrootkit.org) and Rootkit Hunter (https://rkhunter.sourceforge.net)"
)

// families are told by names that nothing else has. Names that a package or a
// person may well give to something harmless are not in the list.
var families = []family{
	{"Adore", byTools, []string{"/usr/doc/kern/adore.o", "/usr/doc/kern/string.o", "/usr/sbin/kfd", "/usr/lib/.../bkit-adore.o", "/dev/.shit/red.tgz", "/usr/bin/adore"}},
	{"AjaKit", byTools, []string{"/dev/tux/.addr", "/dev/tux/.proc", "/dev/tux/.file", "/lib/.libgh-gh", "/lib/.ligh.gh"}},
	{"Ambient", byTools, []string{"/usr/lib/.ark?", "/dev/ptyxx"}},
	{"aPa kit", byTools, []string{"/usr/share/.aPa"}},
	{"Balaur", byTools, []string{"/usr/lib/liblog.o", "/usr/lib/.kinetic", "/usr/lib/.egcs", "/usr/lib/.wormie"}},
	{"BeastKit", byTools, []string{"/usr/sbin/arobia", "/usr/lib/elm/arobia", "/lib/ldd.so/bktools"}},
	{"beX2", byTools, []string{"/usr/include/bex", "/usr/info/termcap.info-5.gz"}},
	{"BOBKit", byTools, []string{"/usr/sbin/ntpsx", "/usr/lib/.../bkit-*", "/usr/include/.../bkit-*", "/usr/lib/.bkit-"}},
	{"cb (w00tkit)", byTools, []string{"/usr/bin/.zeen", "/dev/mounnt", "/usr/lib/.kinetic"}},
	{"CiNIK, Slapper", byTools, []string{"/tmp/.cinik", "/tmp/.bugtraq", "/tmp/.bugtraq.c", "/tmp/.uubugtraq", "/tmp/.font-unix/.cinik"}},
	{"Danny-Boy's Abuse Kit", byTools, []string{"/dev/mdev", "/usr/lib/libX.a"}},
	{"Devil", byTools, []string{"/var/lib/games/.src", "/dev/dsx", "/dev/caca", "/usr/bin/xfss", "/usr/sbin/tzava", "/usr/doc/tar/.../.dracusor"}},
	{"Dica", byTools, []string{"/var/run/...dica", "/lib/.sso"}},
	{"Dreams", byTools, []string{"/dev/ttyoa", "/dev/ttyof", "/dev/ttyop", "/usr/bin/(swapd)", "/usr/lib/libshtift", "/dev/ida/.hpd"}},
	{"Duarawkz", byTools, []string{"/usr/bin/duarawkz"}},
	{"Enye", byTools, []string{"/etc/.enyelkmHIDE^IT.ko", "/etc/.enyelkmOCULTAR.ko"}},
	{"Flea, SHV4", byTools, []string{"/etc/ld.so.hash", "/lib/security/.config", "/usr/bin/ssh2d", "/lib/lidps1.so", "/lib/libext-2.so.7", "/usr/include/lidps1.so", "/lib/ldd.so/tk*"}},
	{"SHV5", byTools, []string{"/lib/libsh.so", "/usr/lib/libsh", "/etc/sh.conf"}},
	{"Fu", byTools, []string{"/sbin/xc", "/usr/include/ivtype.h", "/bin/.lib"}},
	{"Fuckit", byTools, []string{"/dev/proc/fuckit", "/dev/proc/.bash_profile", "/dev/proc/toolz"}},
	{"GasKit", byTools, []string{"/dev/dev/gaskit"}},
	{"HjC kit", byTools, []string{"/dev/.hijackerz"}},
	{"ignoKit", byTools, []string{"/lib/defs/[pqrst]", "/usr/lib/defs/[pqrst]", "/usr/lib/.libigno"}},
	{"Jynx", byTools, []string{"/xochikit", "/omgxochi", "/var/local/^^", "/XxJynx"}},
	{"KBeast", byTools, []string{"/usr/_h4x_"}},
	{"ld-linuxv.so", byTools, []string{"/lib/ld-linuxv.so.1", "/var/opt/_so_cache"}},
	{"Lion, T0rn", byTools, []string{"/dev/.lib", "/usr/src/.puta", "/usr/info/.t0rn", "/bin/mjy", "/usr/man/man1/man1/lib/.lib", "/etc/ttyhash", "/usr/man/man1/man1/lib/.lib/.x"}},
	{"Lockit (LJK2)", byTools, []string{"/usr/lib/libmen.oo"}},
	{"Mokes", "https://securelist.com/from-linux-to-windows-new-family-of-cross-platform-desktop-backdoors-discovered/73503/", []string{
		"/tmp/ss0-[0-9]*-[0-9]*.sst", "/tmp/aa0-[0-9]*-[0-9]*.aat", "/tmp/kk0-[0-9]*-[0-9]*.kkt", "/tmp/dd0-[0-9]*-[0-9]*.ddt"}},
	{"Mood-NT", byTools, []string{"/_cthulhu", "/sbin/init__mood-nt-_-_cthulhu"}},
	{"MRK, Xzibit", byTools, []string{"/dev/ida/.inet"}},
	{"Ni0, Ohhara", byTools, []string{"/var/lock/subsys/...datafile...", "/tmp/waza"}},
	{"Optic kit, Tuxkit", byTools, []string{"/dev/tux", "/usr/bin/xchk", "/usr/bin/xsf"}},
	{"Oz", byTools, []string{"/dev/.oz"}},
	{"Phalanx", byTools, []string{"/uNFuNF", "/etc/host.ph1", "/bin/host.ph1", "/usr/share/.home.ph1", "/etc/khubd.p2", "/etc/lolzz.p2", "/usr/lib/zupzz.p2", "/etc/cron.d/zupzzplaceholder"}},
	{"Portacelo", byTools, []string{"/var/lib/.../.ak", "/var/lib/.../lkt.o", "/var/lib/.../nlkt.o"}},
	{"R3dstorm", byTools, []string{"/var/log/tk02", "/var/log/tk03", "/bin/.../see_all", "/bin/.../sshd/sbin/sshd1"}},
	{"RH-Sharpe", byTools, []string{"/bin/lps", "/usr/bin/lpstree", "/usr/bin/ltop", "/usr/bin/lkillall", "/usr/bin/lnetstat", "/usr/include/rpcsvc/du"}},
	{"RSHA", byTools, []string{"/bin/kr4p", "/usr/bin/n3tstat", "/usr/bin/chsh2", "/etc/rc.d/rsha"}},
	{"Sin", byTools, []string{"/dev/.haos", "/usr/lib/sn/.X", "/usr/lib/sn/.sys", "/usr/lib/ld/.X", "/usr/man/man1/..."}},
	{"Sneakin", byTools, []string{"/tmp/.X11-unix/.../rk"}},
	{"Spanish", byTools, []string{"/usr/share/.../linsniffer", "/usr/share/.../chrps", "/usr/share/.../charbd*", "/var/spool/lpd/remote/.lpq"}},
	{"SuckIt", byTools, []string{"/sbin/initsk12", "/sbin/initxrk", "/usr/share/locale/sk/.sk12", "/dev/sdhu0/tehdrakg", "/etc/.MG", "/usr/man/.sman/sk"}},
	{"Telnet backdoor", byTools, []string{"/usr/lib/.tbd"}},
	{"TeLeKiT", byTools, []string{"/usr/man/man3/.../TeLeKiT", "/usr/info/libc1.so", "/dev/hda06"}},
	{"trNkit", byTools, []string{"/dev/.ttpy", "/usr/lib/libbins.la", "/usr/lib/libtcs.so"}},
	{"Trojanit", byTools, []string{"/bin/.ls", "/bin/.ps", "/bin/.netstat", "/usr/bin/.nop", "/usr/bin/.who"}},
	{"Vampire, VcKit", byTools, []string{"/usr/include/linux/modules/lib.so", "/usr/include/linux/modules/sshd"}},
	{"Volc", byTools, []string{"/usr/bin/volc", "/usr/lib/volc", "/var/spool/.recent"}},
	{"ZK", byTools, []string{"/usr/share/.zk", "/usr/X11R6/.zk", "/etc/1ssue.net", "/etc/sysconfig/console/load.zk"}},
	{"login backdoor", byTools, []string{"/bin/.login", "/sbin/.login"}},

	{"Azazel", "https://github.com/chokepoint/azazel", []string{"/lib/libselinux.so", "/usr/lib/libselinux.so"}},
	{"BPFDoor", "https://doublepulsar.com/bpfdoor-an-active-chinese-global-surveillance-tool-54b078f1a896", []string{"/dev/shm/kdmtmpflush", "/var/run/haldrund.pid", "/var/run/hald-smartd.pid", "/var/run/system.pid", "/var/run/xinetd.lock"}},
	{"Diamorphine", "https://github.com/m0nad/Diamorphine", []string{"/lib/modules/*/**/diamorphine.ko*", "/etc/modules-load.d/diamorphine.conf"}},
	{"Ebury", "https://www.welivesecurity.com/2014/02/21/an-in-depth-analysis-of-linuxebury/", []string{"/lib/libns2.so", "/lib64/libns2.so", "/lib/libns5.so", "/lib64/libns5.so", "/lib/libpw3.so", "/lib64/libpw3.so",
		"/lib/libpw5.so", "/lib64/libpw5.so", "/lib/libsbr.so", "/lib64/libsbr.so", "/lib/libslr.so", "/lib64/libslr.so", "/lib/tls/libkeyutils.so.1", "/lib64/tls/libkeyutils.so.1", "/lib/libkeystats.so", "/lib64/libkeystats.so"}},
	{"Facefish", "https://blog.netlab.360.com/ssh_stealer_facefish_en/", []string{"/bin/sshins", "/lib64/libs.so"}},
	{"HiddenWasp", "https://intezer.com/blog/hiddenwasp-malware-targeting-linux-systems/", []string{"/lib/.libse1inux.so", "/sbin/.ifup-local"}},
	{"Kinsing", "https://www.aquasec.com/blog/threat-alert-kinsing-malware-container-vulnerability/", []string{"/tmp/kdevtmpfsi", "/var/tmp/kdevtmpfsi", "/tmp/kinsing", "/var/tmp/kinsing", "/etc/kinsing", "/etc/libsystem.so", "/dev/shm/kinsing", "/tmp/.ICEd-unix"}},
	{"OrBit", "https://intezer.com/blog/orbit-new-undetected-linux-threat/", []string{"/lib/libntpVnQE6mk", "/dev/shm/ldx", "/dev/shm/.lck", "/lib/.ntpVnQE6mk"}},
	{"perfctl", "https://www.aquasec.com/blog/perfctl-a-stealthy-malware-targeting-millions-of-linux-servers/", []string{"/root/.config/cron/perfcc", "/usr/bin/perfcc", "/usr/bin/wizlmsh", "/lib/libgcwrap.so", "/lib/libfsnldev.so", "/lib/libpprocps.so", "/tmp/.perf.c", "/tmp/.xdiag"}},
	{"PUMAKIT", "https://www.elastic.co/security-labs/declawing-pumakit", []string{"/usr/share/zov_f"}},
	{"Reptile", "https://github.com/f0rb1dd3n/Reptile", []string{"/reptile", "/lib/udev/reptile", "/lib/udev/rules.d/*reptile*", "/etc/modules-load.d/reptile*", "/lib/modules/*/**/reptile*.ko*"}},
	{"Rocke", "https://unit42.paloaltonetworks.com/rocke-evolves-its-arsenal-with-a-new-malware-family-written-in-golang/", []string{"/usr/local/lib/libioset.so", "/usr/sbin/kthrotlds", "/usr/sbin/netdns", "/etc/rc.d/init.d/netdns", "/tmp/watchdogs", "/tmp/ksoftirqds"}},
	{"Skidmap", "https://www.trendmicro.com/en_us/research/19/i/skidmap-linux-malware-uses-rootkit-capabilities-to-hide-cryptocurrency-mining-payload.html", []string{"/usr/bin/kaudited", "/usr/include/ilog.h"}},
	{"Symbiote", "https://intezer.com/blog/new-linux-threat-symbiote/", []string{"/usr/include/certbot.h", "/usr/include/certbotx64.h", "/usr/include/certbotx86.h"}},
	{"TeamTNT", "https://www.trendmicro.com/vinfo/us/security/news/virtualization-and-cloud/teamtnt-activities-probed", []string{"/usr/bin/TeamTNT", "/usr/sbin/.configure", "/var/tmp/.alsp"}},
	{"Umbreon", "https://www.trendmicro.com/en_us/research/16/i/pokemon-themed-umbreon-linux-rootkit-hits-x86-arm-systems.html", []string{"/usr/share/libc.so.*.ld-2.22.so"}},
	{"Winnti", "https://medium.com/chronicle-blog/winnti-more-than-just-windows-and-gates-e4f03436031a", []string{"/lib/libxselinux.so", "/lib/libxselinux", "/lib/libxselinux.old"}},
	{"XorDDoS", "https://www.microsoft.com/en-us/security/blog/2022/05/19/rise-in-xorddos-a-deeper-look-at-the-stealthy-ddos-malware-targeting-linux-devices/", []string{"/lib/libudev.so", "/lib/libudev4.so", "/lib/libudev4.so.6", "/etc/cron.hourly/gcc.sh", "/etc/cron.hourly/gcc4.sh", "/etc/cron.hourly/udev.sh", "/lib/libgcc4.so"}},
}
