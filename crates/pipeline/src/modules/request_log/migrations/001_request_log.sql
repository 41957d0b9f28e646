CREATE TABLE IF NOT EXISTS request_log (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    user_id TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    provider TEXT,
    upstream_model TEXT,
    stream BOOLEAN NOT NULL,
    status INTEGER NOT NULL,
    ended TEXT,
    stop_reason TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cost TEXT,
    duration_ms INTEGER NOT NULL,
    cached BOOLEAN NOT NULL,
    error TEXT
);
CREATE INDEX IF NOT EXISTS request_log_at ON request_log (at);
