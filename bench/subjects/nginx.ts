import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { path, secret } from '../sender.ts'
import { printedBy, type Site, type Subject } from './subject.ts'

const modules = '/usr/lib/nginx/modules'

/**
 * nginx with Lua. The HMAC is OpenSSL's, called by LuaJIT's FFI in the libcrypto that nginx is linked with, with a context
 * whose key is set once; the nonce is a shared dictionary's atomic `add`. That is as fast as it is done there.
 */
export const nginx: Subject = {
  key: 'nginx',
  title: 'nginx + Lua',
  asks: ['certificate', 'signature', 'nonce'],
  note: 'nonce in shared memory, claimed, and released where the receiver fails; lost at a restart',
  install: 'apt-get install nginx libnginx-mod-http-lua',
  version: () => {
    const found = /nginx\/(\S+)/.exec(printedBy('nginx', '-v') ?? '')?.[1]
    return found !== undefined && existsSync(`${modules}/ngx_http_lua_module.so`) ? `nginx ${found}` : undefined
  },
  prepare: (site) => {
    const file = join(site.folder, 'nginx.conf')
    writeFileSync(join(site.folder, 'guard.lua'), guard)
    writeFileSync(file, configuration(site))
    return { file: 'nginx', parameters: ['-c', file, '-e', join(site.folder, 'error.log')] }
  },
}

const guard = `
local ffi = require 'ffi'
ffi.cdef[[
  typedef struct hmac_ctx_st HMAC_CTX;
  HMAC_CTX *HMAC_CTX_new(void);
  const void *EVP_sha256(void);
  int HMAC_Init_ex(HMAC_CTX *ctx, const void *key, int len, const void *md, void *engine);
  int HMAC_Update(HMAC_CTX *ctx, const char *data, size_t len);
  int HMAC_Final(HMAC_CTX *ctx, unsigned char *md, unsigned int *len);
  int CRYPTO_memcmp(const void *a, const void *b, size_t len);
  unsigned char *ngx_hex_dump(unsigned char *dst, unsigned char *src, size_t len);
]]
local C = ffi.C
local key = '${secret}'
local ctx = C.HMAC_CTX_new()
assert(C.HMAC_Init_ex(ctx, key, #key, C.EVP_sha256(), nil) == 1)
local mac, hex, length = ffi.new('unsigned char[32]'), ffi.new('unsigned char[64]'), ffi.new('unsigned int[1]')
local nonces = ngx.shared.nonces
local read_body, get_body_data, var = ngx.req.read_body, ngx.req.get_body_data, ngx.var

local function guard()
  local given = var.http_x_hub_signature_256
  if not given or #given ~= 71 or given:sub(1, 7) ~= 'sha256=' then return ngx.exit(401) end
  read_body()
  local body = get_body_data()
  if not body then return ngx.exit(400) end
  if C.HMAC_Init_ex(ctx, nil, 0, nil, nil) ~= 1 or C.HMAC_Update(ctx, body, #body) ~= 1
    or C.HMAC_Final(ctx, mac, length) ~= 1 then return ngx.exit(503) end
  C.ngx_hex_dump(hex, mac, 32)
  if C.CRYPTO_memcmp(hex, given:sub(8), 64) ~= 0 then return ngx.exit(401) end
  local nonce = ffi.string(mac, 32)
  local ok, why = nonces:safe_add(nonce, true, 86400)
  if not ok then return ngx.exit(why == 'exists' and 409 or 503) end
  ngx.ctx.nonce = nonce
end

local function settle()
  local nonce = ngx.ctx.nonce
  if nonce and ngx.status >= 300 then nonces:delete(nonce) end
end

return { guard = guard, settle = settle }
`

const configuration = ({ folder, port, receiverPort, certificates }: Site): string => `
load_module ${modules}/ndk_http_module.so;
load_module ${modules}/ngx_http_lua_module.so;
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  lua_package_path '${folder}/?.lua;;';
  lua_shared_dict nonces 128m;
  init_worker_by_lua_block { guard = require 'guard' }
  log_format audit escape=json '{"time":"$time_iso8601","id":"$request_id","source":"$remote_addr","certificate":"$ssl_client_s_dn",'
    '"fingerprint":"$ssl_client_fingerprint","path":"$request_uri","status":$status,"bytes":$request_length,"seconds":$request_time}';
  access_log ${folder}/access.log audit;
  client_body_temp_path ${folder}/bodies;
  proxy_temp_path ${folder}/proxied;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_body_buffer_size 64k;
  client_max_body_size 1m;
  keepalive_requests 100000000;
  upstream receiver {
    server 127.0.0.1:${receiverPort};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} ssl backlog=4096;
    server_name localhost;
    ssl_certificate ${certificates.server};
    ssl_certificate_key ${certificates.serverKey};
    ssl_client_certificate ${certificates.ca};
    ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    allow 127.0.0.0/8;
    deny all;
    location = ${path} {
      access_by_lua_block { guard.guard() }
      header_filter_by_lua_block { guard.settle() }
      proxy_pass http://receiver;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $host;
    }
    location / { return 404; }
  }
}
`
