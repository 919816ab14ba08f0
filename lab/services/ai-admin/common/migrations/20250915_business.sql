-- Clients and their bookings.
CREATE TABLE IF NOT EXISTS clients (
    id         bigserial PRIMARY KEY,
    company_id text NOT NULL,
    name       text NOT NULL,
    phone      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT NOW(),
    UNIQUE (company_id, phone)
);

CREATE TABLE IF NOT EXISTS bookings (
    id         bigserial PRIMARY KEY,
    client_id  bigint NOT NULL REFERENCES clients (id),
    service    text NOT NULL,
    starts_at  timestamptz NOT NULL,
    reminded   boolean NOT NULL DEFAULT false
);

INSERT INTO clients (company_id, name, phone)
SELECT '962302', 'Client ' || n, '1555010' || to_char(4000 + n, 'FM0000') FROM generate_series(1, 20) AS n
ON CONFLICT DO NOTHING;
INSERT INTO bookings (client_id, service, starts_at)
SELECT id, 'haircut', NOW() + id * interval '7 hours' FROM clients;
