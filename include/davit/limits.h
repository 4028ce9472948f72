/* Every cap of Davit, in one place, with what happens at it. Sizes are bytes, times carry their unit. */
#ifndef DAVIT_LIMITS_H
#define DAVIT_LIMITS_H

/* Documents. Over a cap: refused with a reason in the object's status, nothing else changes. */
#define LIMIT_DOCUMENT_BYTES (1024 * 1024)
#define LIMIT_BUNDLE_BYTES (4 * 1024 * 1024)
#define LIMIT_BUNDLE_OBJECTS 1000 /* in one bundle */
#define LIMIT_JSON_DEPTH 32
#define LIMIT_NAME_BYTES 253 /* Kubernetes: DNS subdomain names */
#define LIMIT_LABEL_BYTES 63
#define LIMIT_CONTAINERS 32 /* in one pod */
#define LIMIT_ENV 1024      /* in one container */
#define LIMIT_ARGS 1024     /* words in command, and in args */
#define LIMIT_VOLUMES 64    /* in one pod, and mounts in one container */
#define LIMIT_PULL_SECRETS 16
#define LIMIT_PORTS 64        /* of one container */
#define LIMIT_PROBE_HEADERS 64
#define LIMIT_CAPABILITIES 64 /* added, and dropped, by one container */
#define LIMIT_RESOURCES 32    /* names in limits, and in requests */
#define LIMIT_FILES 256       /* items of a ConfigMap, Secret or downwardAPI volume */
#define LIMIT_GROUPS 64       /* supplementalGroups */
#define LIMIT_SYSCTLS 64
#define LIMIT_RESTART_RULES 20 /* of a container, as in Kubernetes; more are refused */
#define LIMIT_EXIT_CODES 255 /* in one of them */
#define LIMIT_HOST_NAMES 64   /* hostAliases, their names, dnsConfig's lists */
#define LIMIT_TAINTS 64       /* of a node; tolerations of a pod */
#define LIMIT_NODE_LABELS 256
#define LIMIT_NODE_IMAGES 50  /* that a status of a node lists, as many as kubelet's */
#define LIMIT_NODE_GROUPS 64  /* that a desired Node names */
#define LIMIT_IGNORED_FIELDS 64 /* paths named in a status; the rest is counted */

/* Objects known to one node. One more: refused as TooManyObjects. */
#define LIMIT_OBJECTS 10000
/* Virtual machines. More: the document is refused. */
#define LIMIT_VM_DEVICES 16    /* interfaces, networks, inputs, devices of the host, each */
#define LIMIT_VM_SEED_TEXT_BYTES (256 * 1024) /* of each text for cloud-init */
/* Pods of one owner. More: the document is refused. */
#define LIMIT_REPLICAS 100
#define LIMIT_COMPLETIONS 1000
#define LIMIT_PARALLELISM 100
#define LIMIT_APP_ITEMS 64   /* ports, volumes, devices, environment … of an App */
#define LIMIT_AFTER 16       /* objects that a pod starts after */
#define LIMIT_AFTER_DEPTH 32 /* of a chain of them, in the search for a circle */
#define LIMIT_ZONE_BYTES (64 * 1024)
/* A wall clock before this was never set: nothing is judged by it, and no message has its time (2026-01-01). */
#define LIMIT_CLOCK_SET_MS 1767225600000ull
/* Spans of times that a CronJob remembers as run; the oldest is forgotten. */
#define LIMIT_CRON_SPANS 16
/* Contents remembered per slot, so that a replayed one is known. The oldest is forgotten. */
#define LIMIT_SUPERSEDED 64
/* Documents of an object that ruled before; the oldest is forgotten. revisionHistoryLimit lowers it. */
#define LIMIT_REVISIONS 10
#define LIMIT_REVISIONS_BYTES (256 * 1024) /* of them together; the newest one is kept in any case */
/* A tombstone is remembered so long, and longer while it masks something. */
#define LIMIT_TOMBSTONE_DAYS 90
/* Messages waiting for a commit of the same object. One more: the link is paused until it is done. */
#define LIMIT_PENDING_MESSAGES 1024
#define LIMIT_PENDING_BYTES (16 * 1024 * 1024) /* the same */

/* Frames between processes. A larger one ends the child that sent it, never the parent. */
#define LIMIT_FRAME_HEAD_BYTES (256 * 1024)
#define LIMIT_FRAME_BODY_BYTES (5 * 1024 * 1024)
#define LIMIT_FRAME_FDS 8
/* Bytes that wait for a peer that does not read. One more: the peer is ended and started again. */
#define LIMIT_PEER_QUEUE_BYTES (32 * 1024 * 1024)
#define LIMIT_CONTROL_CLIENTS (LIMIT_EXECS + 16) /* connections on the control socket; one more is closed with a reason */

/* MQTT. */
#define LIMIT_INFLIGHT 16         /* own window of unacknowledged publishes; Mosquitto's own is 20 */
#define LIMIT_LINK_QUEUE_BYTES (16 * 1024 * 1024) /* received, not yet read by davitd: the rest waits in the broker */
#define LIMIT_EVENTS 256          /* events waiting for a broker; the oldest is dropped, and counted */
#define LIMIT_EVENTS_KEPT 256     /* in memory, for who asks; the oldest is forgotten */
#define LIMIT_SYNC_MS 10000       /* the end-of-flood nonce must be back by then: else BrokerTruncated */
#define LIMIT_ACL_BYTES (16 * 1024 * 1024) /* of davit acl: nodes and groups that are read, rules that are written */
#define LIMIT_DENIED_MS (600 * 1000) /* what the broker refuses is tried again after so long */
#define LIMIT_RIVAL_MS (3600 * 1000) /* another client with our client id is in the node's status so long after it was seen */
#define LIMIT_DROPPED_MS (3600 * 1000) /* that events were dropped is in the node's status so long after a broker heard of it */
#define LIMIT_LIVE_ACK_MS 5000    /* a live message waits so long for davitd to store it, then the link ends itself */

/* Telemetry. */
#define LIMIT_HISTORY_SEGMENT_BYTES (64 * 1024) /* a file of samples that has so many is followed by another one */
#define LIMIT_HISTORY_MEMORY_BYTES (64 * 1024 * 1024) /* the most that history_memory= may say */

/* Requests. */
#define LIMIT_REQUEST_BYTES (64 * 1024) /* of its payload; more is refused */
#define LIMIT_REQUEST_NAME_BYTES 64     /* of the requester's name; more is refused */
#define LIMIT_REQUESTS_RUNNING 64       /* that wait for their answer; one more is refused as TooManyRequests */
#define LIMIT_REQUESTS_RUNNING_EACH 32  /* the same, of one requester */
#define LIMIT_CORRELATION_BYTES 1024    /* of MQTT 5's correlation data, as base64; more is refused */
#define LIMIT_REQUESTS_KNOWN 512        /* what was carried out, and answered; the oldest is forgotten */
#define LIMIT_REQUESTS_KNOWN_EACH 128   /* the same, of one requester */
#define LIMIT_REQUESTS_KNOWN_DAYS 8     /* longer than a broker's session keeps a request */
#define LIMIT_REQUEST_ANSWER_BYTES 4096 /* of an answer that is remembered whole; of a longer one, how it ended */
#define LIMIT_ANSWERS 1024              /* waiting for the broker; then requests are refused as TooManyRequests, and streams wait */
#define LIMIT_ANSWERS_BYTES (4 * 1024 * 1024) /* the same */
#define LIMIT_REFUSALS 4096             /* answers and refusals waiting; then a request is dropped, and an event says so */
#define LIMIT_REFUSALS_BYTES (8 * 1024 * 1024) /* the same */
#define LIMIT_ANSWER_TEXT_BYTES (128 * 1024)  /* of a log, or of what a command wrote, in one answer; it is truncated */
#define LIMIT_STREAMS 32                /* at a time; one more is refused as TooManyStreams */
#define LIMIT_STREAMS_EACH 16           /* the same, of one requester: a page that is forwarded opens six, and another one */
#define LIMIT_STREAMS_ENDED 128         /* that wait for the last acknowledgement; LIMIT_STREAMS of one requester */
#define LIMIT_CHUNK_BYTES (16 * 1024)
#define LIMIT_CHUNKS 32                 /* of a stream, not acknowledged by the requester: it waits */
#define LIMIT_CHUNKS_BYTES (512 * 1024) /* the same, as they are sent */
#define LIMIT_STREAM_INPUT_BYTES (256 * 1024) /* that the command has not read; one more byte ends the stream */

/* Runtime. */
#define LIMIT_RUNTIME_THREADS 4
#define LIMIT_RUNTIME_CALLS 4096  /* calls that wait for a thread; one more is answered as unavailable */
#define LIMIT_EXECS 64            /* commands that people run in containers at a time; one more is refused */
#define LIMIT_RUNTIME_BESIDES (LIMIT_EXECS + 64) /* and those of probes and hooks; one more is answered as unavailable */
#define LIMIT_FORWARDS 32      /* connections to workloads for people at a time; one more is refused */
#define LIMIT_EXEC_MS (365 * 24 * 3600 * 1000LL) /* a terminal stays open as long as somebody holds it */
#define LIMIT_CALL_MS 120000      /* deadline of a runtime call, unless it names its own */
#define LIMIT_SNAPSHOT_MS (15 * 60 * 1000) /* to take, remove or restore a snapshot of a virtual machine's disks */
#define LIMIT_FENCE_MS 5000       /* a successor waits so long for a holder's lock, then ends the holder */

/* Folders whose bytes are counted. Over a cap: counted as far as that, and said to be partial. */
#define LIMIT_USAGE_ENTRIES 1000000
#define LIMIT_USAGE_DEPTH 256
#define LIMIT_USAGE_MS 20000
/* Who asks for stats at a time; one more is refused. */
#define LIMIT_STATS_ASKERS 32

#define LIMIT_LOG_BYTES (1024LL * 1024 * 1024) /* of one log while nobody puts it aside (davit-runtime is away); then conmon throws it away */
#define LIMIT_LOG_FILES 8         /* of one attempt of a container; more: the configuration is refused */

/* Networks. */
#define LIMIT_CNI_BYTES (256 * 1024) /* a conflist, and what a CNI plugin answers */
#define LIMIT_POD_HOST_PORTS 2048       /* of all containers of a pod: LIMIT_CONTAINERS times LIMIT_PORTS */
#define LIMIT_POD_NETWORKS 16           /* CNI networks of one pod; more: refused */
#define LIMIT_NAME_RECORDS 20000        /* names that are answered for; the rest is not, and said */
#define LIMIT_SERVICE_PORTS 100         /* of one Service; more: refused */
#define LIMIT_SERVICE_PORTS_ALL 10000   /* of all Services; the rest is not reached, and said */
#define LIMIT_SERVICE_ENDPOINTS 1000    /* of one port of a Service (Kubernetes' Endpoints); the rest is left out */
#define LIMIT_SERVICE_ID_BYTES 220

/* Probes. */
#define LIMIT_PROBES 1024            /* asked at a time; one more fails with a reason */
#define LIMIT_PROBE_BODY_BYTES 10240 /* of an answer that is looked at (Kubernetes); the rest is not waited for */
#define LIMIT_PROBE_HEAD_BYTES 65536

/* Images. Over a cap: the import is refused, and what was unpacked is removed. */
#define LIMIT_IMAGE_LAYERS 128
#define LIMIT_IMAGE_MANIFEST_BYTES (4 * 1024 * 1024)
#define LIMIT_IMAGE_CONFIG_BYTES (4 * 1024 * 1024)
#define LIMIT_IMAGE_REPORT_BYTES (192 * 1024) /* of it what a runtime needs; it must go into a frame's head */
#define LIMIT_LAYER_BYTES (8ULL * 1024 * 1024 * 1024)
#define LIMIT_LAYER_ENTRIES 1000000
#define LIMIT_LAYER_DEPTH 256              /* folders in a folder */
#define LIMIT_LAYER_RATIO 200              /* unpacked to stored bytes, looked at beyond … */
#define LIMIT_LAYER_RATIO_FREE_BYTES (64 * 1024 * 1024)
#define LIMIT_ARCHIVE_ENTRIES 16384        /* files in an image archive, its layers' own not counted */
#define LIMIT_ARCHIVE_IMAGES 64
#define LIMIT_ARCHIVE_LAYERS 512           /* different ones */
#define LIMIT_ARCHIVE_JSON_BYTES (12 * 1024 * 1024) /* manifests and configurations of an archive, together */
#define LIMIT_UNPACK_MEMORY_BYTES (48 * 1024 * 1024) /* of a davit-unpack: a zstd window of 32 MB, or an archive's JSON */
#define LIMIT_DISK_BYTES (2ULL * 1024 * 1024 * 1024 * 1024) /* of a virtual machine's, as its guest sees it, and as a file; holes are none */
#define LIMIT_DISK_SERVED_BYTES (1LL * 1024 * 1024 * 1024 * 1024) /* of a file that an URL serves */
#define LIMIT_DISK_MEMORY_BYTES (128 * 1024 * 1024) /* of a davit-unpack that reads one: xz -9 wants 65 MB */
#define LIMIT_CONVERT_MEMORY_BYTES (2ULL * 1024 * 1024 * 1024) /* address space of a qemu-img */
#define LIMIT_CONVERT_MS (4 * 3600 * 1000) /* of its time */
/* A CD that is made of files for a virtual machine. Over a cap: refused. */
#define LIMIT_ISO_BYTES (32 * 1024 * 1024) /* of all files */
#define LIMIT_ISO_ENTRIES 4096
#define LIMIT_PULLS 4                      /* images at a time; one more waits */
#define LIMIT_PULL_RECORDS 1024            /* names of which a pull is remembered; one more: those that no pod has are forgotten */
#define LIMIT_IMAGE_INDEXES 2              /* an index in an index */
#define LIMIT_PULL_ENDPOINTS 8             /* mirrors and the registry itself; more: the pull is refused */
#define LIMIT_PULL_PIPE_BYTES (1024 * 1024) /* between davit-fetch and davit-unpack, of one layer */
#define LIMIT_PULL_PARALLEL 8              /* layers at a time; more: the configuration is refused */
#define LIMIT_PATH_BYTES 4096

/* Registries. Over a cap: the pull fails with a reason. */
#define LIMIT_FETCH_JOBS 16                /* manifests and blobs at a time; more end davit-fetch */
#define LIMIT_FETCH_ENDPOINTS 16           /* a registry and its mirrors */
#define LIMIT_FETCH_CREDENTIALS 32         /* for one endpoint */
#define LIMIT_FETCH_CA_BYTES (1024 * 1024)
#define LIMIT_FETCH_URL_BYTES 8192
#define LIMIT_IMAGE_URL_BYTES 2048         /* of a disk that a virtual machine names by its URL; longer: refused */
#define LIMIT_FETCH_HEADERS 256            /* lines of an answer's head, those of 1xx answers before it included */
#define LIMIT_FETCH_HEADER_BYTES (64 * 1024)
#define LIMIT_FETCH_TOKEN_BYTES (64 * 1024) /* what a token service answers */
#define LIMIT_FETCH_REDIRECTS 5
#define LIMIT_FETCH_TRIES 5                /* of one manifest or blob at one endpoint without getting on */
#define LIMIT_FETCH_WAIT_MS 60000          /* a longer Retry-After is davitd's to wait for */
#define LIMIT_FETCH_RETRY_AFTER_MS (24 * 3600 * 1000) /* a longer one is cut */
#define LIMIT_FETCH_MESSAGE_BYTES 2048     /* what a failure says; the rest is left out */

/* Virtual machines. Over a cap: refused, and nothing of it is made. */
#define LIMIT_VM_CPUS 255
#define LIMIT_VM_DISK_BYTES (64LL * 1024 * 1024 * 1024 * 1024) /* as the guest sees it, of each */
#define LIMIT_SNAPSHOTS 32 /* of one virtual machine */
#define LIMIT_VM_SEED_BYTES (8 * 1024 * 1024) /* of the files of one seed, ConfigMap or Secret, together */
#define LIMIT_DOMAIN_BYTES (256 * 1024)       /* of a domain's XML */

/* The operator's tool. */
#define LIMIT_NAMES 256 /* of one kind on a command line of `davit get`; more are refused */
#define LIMIT_JSONPATH_BYTES (256 * 1024 * 1024) /* of what a template writes; the rest is cut, and said */

/* Files that are read whole. Over a cap: refused, with the cap named. */
#define LIMIT_CONFIG_BYTES (256 * 1024)
#define LIMIT_MANIFEST_BYTES (16 * 1024 * 1024) /* one file of davit -f */

/* davit port-forward: connections at a time, each a process of its own; one more is closed at once. */
#define LIMIT_FORWARD_CONNECTIONS 64

#endif
