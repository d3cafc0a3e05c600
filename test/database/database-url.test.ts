import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { readDatabaseUrl } from "../../src/config/database-url.js";
import { rememberSecrets, withoutSecrets } from "../../src/config/secret-values.js";

const checked = (url: string) => loadConfig({ DATABASE_URL: url, MODE: "worker" }).DATABASE_URL;

it.each([
  ["postgres://u:p@db/name", { hosts: [{ host: "db", port: 5432 }], user: "u", password: "p", database: "name", sslmode: "prefer" }],
  ["postgresql://u@[2001:db8::1]:6432/name", { hosts: [{ host: "2001:db8::1", port: 6432 }], user: "u", password: undefined }],
  ["postgres://u@/name?host=/run/postgresql", { hosts: [{ host: "/run/postgresql", port: 5432 }], database: "name", sslmode: "disable" }],
  ["postgres://u@localhost/name?host=/run/pg&port=6000", { hosts: [{ host: "/run/pg", port: 6000 }] }],
  ["postgres://u@%2Frun%2Fpostgresql:6000/name", { hosts: [{ host: "/run/postgresql", port: 6000 }] }],
  [
    "postgres://u:p@a:1,b,[::1]:3/name?target_session_attrs=read-write",
    { hosts: [{ host: "a", port: 1 }, { host: "b", port: 5432 }, { host: "::1", port: 3 }] }, // prettier-ignore
  ],
  ["postgres:///name?host=a,b&port=6432", { hosts: [{ host: "a", port: 6432 }, { host: "b", port: 6432 }] }], // prettier-ignore
  ["postgres://u:100%25@db/name", { password: "100%" }],
  ["postgres://u:a%2Fb%3Fc%40d@db/na%2Fme", { password: "a/b?c@d", database: "na/me" }],
  ["postgres://u:a:b+c?d#e@db/name", { password: "a:b+c?d#e" }],
  ["postgres://db", { hosts: [{ host: "db", port: 5432 }], user: undefined, database: undefined }],
  ["postgres://db/x?user=u&password=p%26q&dbname=y", { user: "u", password: "p&q", database: "y" }],
  ["postgres://db/x?sslrootcert=system", { sslmode: "verify-full" }],
  ["postgres://db/x?ssl=true", { sslmode: "require" }],
  ["postgres://db/x?sslmode=no-verify", { sslmode: "require" }],
  ["postgres://db/x?options=-c%20search_path%3Da%2Cb&application_name=x", { options: "-c search_path=a,b", applicationName: "x" }],
])("%s is parsed as libpq parses it", (url, expected) => {
  expect(readDatabaseUrl(url)).toMatchObject(expected);
  expect(checked(url)).toBe(url);
});

it.each([
  ["postgres://u:100%@db/name", /in the password.*%25/],
  ["postgres://u:a/b@db/name", /%2F/],
  ["postgres://u:a@b@db/name", /%40/],
  ["postgres://u:p@db:0/name", /port from 1 to 65535/],
  ["postgres://u:p@db:54x/name", /port from 1 to 65535/],
  ["postgres://a:1,b:2/x?port=1,2,3", /as many ports as hosts/],
  ["postgres://u@/name", /names a host/],
  ["postgres://db/x?sslmode=on", /sslmode=disable\|allow/],
  ["postgres://db/x?sslmode=verify-ca", /sslrootcert/],
  ["postgres://db/x?sslmode=require&sslrootcert=system", /verify-full only/],
  ["postgres://db/x?sslcert=a.pem", /sslcert and sslkey/],
  ["postgres://db/x?sslnegotiation=direct", /sslnegotiation=direct with/],
  ["postgres://db/x?channel_binding=require", /channel_binding/],
  ["postgres://db/x?service=prod", /the parameter service/],
  ["postgres://db/x?target_session_attrs=standby", /target_session_attrs=standby/],
  ["postgres://db/x?gssencmode=require", /gssencmode=require/],
  ["postgres://db/x?pgbouncer=true", /the parameter pgbouncer/],
  ["postgres://db/x?sslmode", /sslmode has no value/],
  ["host=db dbname=x", /begins with postgres:\/\//],
])("%s is rejected by name, without its secrets", (url, message) => {
  expect(() => checked(url)).toThrow(message);
  expect(() => checked(url)).toThrow("DATABASE_URL is (redacted); allowed: ");
  expect(() => checked(url.replace("u:100", "u:hunter2").replace("u:a", "u:hunter2"))).toThrow(/^(?!.*hunter2)/s);
});

it("the password of a URL with several hosts is redacted", () => {
  rememberSecrets({ DATABASE_URL: "postgres://u:correct%2Fhorse@a:1,b:2/x" });
  expect(withoutSecrets("it was correct/horse, or correct%2Fhorse")).toBe("it was [redacted], or [redacted]");
});
