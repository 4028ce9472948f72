CREATE TABLE by_id (
    id TEXT PRIMARY KEY, manifest TEXT NOT NULL, config TEXT NOT NULL, layers TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR REPLACE INTO by_id SELECT id, manifest, config, layers, size_bytes, created_ms, created_ms FROM images;
CREATE TABLE image_names (reference TEXT PRIMARY KEY, id TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO image_names SELECT reference, id FROM images;
DROP TABLE images;
ALTER TABLE by_id RENAME TO images;
ALTER TABLE incarnations ADD COLUMN text TEXT NOT NULL DEFAULT '';
ALTER TABLE incarnations ADD COLUMN previous TEXT NOT NULL DEFAULT '';
