/** Name of the 9p shares: the suite, and the folder of one machine with its job and its results. */
export const SUITE_TAG = 'suite';
export const SHARE_TAG = 'share';

/** Line on the console that tells the host that the kernel runs programs. */
export const INIT_LINE = 'lab: init';

const NINE_P = 'trans=virtio,version=9p2000.L,msize=512000';

/** First program of the guest: file systems, shares, then the script of the job; powers off at its end. */
export const INIT_SCRIPT = `#!/bin/sh
export PATH=/bin:/sbin
echo '${INIT_LINE}'
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs tmp /tmp
busybox grep -q lab.probe /proc/cmdline && busybox poweroff -f
for module in virtio_pci 9pnet_virtio 9p; do modprobe $module; done
busybox mount -t 9p -o ${NINE_P},cache=loose ${SUITE_TAG} /suite
busybox mount -t 9p -o ${NINE_P},cache=none ${SHARE_TAG} /share
sh /share/job.sh
busybox sync
busybox poweroff -f
`;
