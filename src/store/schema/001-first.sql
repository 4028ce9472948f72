CREATE TABLE slots (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    source TEXT NOT NULL, grp TEXT NOT NULL,
    generation INTEGER NOT NULL, content TEXT NOT NULL, hash TEXT NOT NULL,
    tombstone INTEGER NOT NULL, text TEXT NOT NULL, accepted_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, resource, name, source, grp)) WITHOUT ROWID;
CREATE TABLE superseded (
    id INTEGER PRIMARY KEY,
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    source TEXT NOT NULL, grp TEXT NOT NULL, content TEXT NOT NULL);
CREATE INDEX superseded_slot ON superseded (namespace, resource, name, source, grp);
CREATE TABLE incarnations (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    uid TEXT NOT NULL, hash TEXT NOT NULL, created_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
CREATE TABLE memories (
    uid TEXT NOT NULL, container TEXT NOT NULL,
    begun INTEGER NOT NULL, ended INTEGER NOT NULL, backoff INTEGER NOT NULL,
    exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, reason TEXT NOT NULL,
    started_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL, finished_boot_ms INTEGER NOT NULL, boot_id TEXT NOT NULL,
    PRIMARY KEY (uid, container)) WITHOUT ROWID;
CREATE TABLE outbox (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload TEXT NOT NULL, retain INTEGER NOT NULL);
CREATE TABLE refused (
    namespace TEXT NOT NULL, resource TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (namespace, resource, name)) WITHOUT ROWID;
CREATE TABLE layers (diff_id TEXT PRIMARY KEY, folder INTEGER NOT NULL UNIQUE, size_bytes INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE images (
    reference TEXT PRIMARY KEY, id TEXT NOT NULL, manifest TEXT NOT NULL, config TEXT NOT NULL, layers TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;
