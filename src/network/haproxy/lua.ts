/**
 * What HAProxy's own rules cannot say of heads, for it to load (Lua 5.3): addresses and cookies of servers below their prefixes, and our cookie taken out of
 * what goes inward. It does what `gateway/http/heads.ts` does, and is called only for heads that have something of it.
 */
export const edgeLua = String.raw`
local function below(path, prefix)
  if path == prefix then return path end
  if path:sub(1, #prefix) == prefix then
    local follows = path:sub(#prefix + 1, #prefix + 1)
    if follows == '/' or follows == '?' or follows == '#' then return path end
  end
  return prefix .. path
end

local schemes = { ['http:'] = true, ['https:'] = true, ['ws:'] = true, ['wss:'] = true, [''] = true }

local function mapped(url, prefix, host)
  local scheme, authority, path = url:match('^(%a*:?)//([^/?#]*)(.*)$')
  local origin = ''
  if scheme ~= nil then
    if not schemes[scheme:lower()] or authority:lower() ~= host:lower() then return url end
    origin = scheme .. '//' .. authority
    if path == '' then path = '/' end
  else
    path = url
  end
  if path ~= '/' and not path:match('^/[^/\\]') then return url end
  return origin .. below(path, prefix)
end

local function trimmed(text)
  return (text:gsub('^%s+', ''):gsub('%s+$', ''))
end

local function cookie_of(value, prefix)
  local pieces = {}
  for piece in (value .. ';'):gmatch('([^;]*);') do pieces[#pieces + 1] = piece end
  local at = pieces[1]:find('=', 1, true)
  local name = at and trimmed(pieces[1]:sub(1, at - 1)):lower() or ''
  if name == '__host-myserver' then return nil end
  if prefix ~= '' and name:sub(1, 7) == '__host-' then return nil end
  local kept, path = { pieces[1] }, ''
  for index = 2, #pieces do
    local attribute = trimmed(pieces[index]:match('^[^=]*')):lower()
    if attribute == 'path' and prefix ~= '' then
      path = trimmed((pieces[index]:match('=(.*)$') or ''))
    elseif attribute ~= 'domain' then
      kept[#kept + 1] = pieces[index]
    end
  end
  if prefix ~= '' then kept[#kept + 1] = ' Path=' .. (path:sub(1, 1) == '/' and below(path, prefix) or prefix .. '/') end
  return table.concat(kept, ';')
end

local function refresh_of(value, prefix, host)
  local before, url = value:match('^(%s*[%d.]*%s*[;,]?%s*[uU][rR][lL]%s*=%s*["\']?)([^"\']*)')
  if before == nil then return value end
  return before .. mapped(url, prefix, host) .. value:sub(#before + #url + 1)
end

local function link_of(value, prefix, host)
  return (value:gsub('<([^<>]*)>', function(url) return '<' .. mapped(url, prefix, host) .. '>' end))
end

local rewrites = { location = mapped, ['content-location'] = mapped, refresh = refresh_of, link = link_of }

core.register_action('outward', { 'http-res' }, function(txn)
  local prefix = txn:get_var('txn.prefix') or ''
  local host = txn:get_var('txn.asked') or ''
  local headers = txn.http:res_get_headers()
  for name, values in pairs(headers) do
    local rewrite = rewrites[name]
    if name == 'set-cookie' or (rewrite ~= nil and prefix ~= '') then
      txn.http:res_del_header(name)
      for index = 0, #values do
        local value = values[index]
        if value ~= nil then
          local said = name == 'set-cookie' and cookie_of(value, prefix) or rewrite and rewrite(value, prefix, host)
          if said then txn.http:res_add_header(name, said) end
        end
      end
    end
  end
end)

core.register_action('inward', { 'http-req' }, function(txn)
  local values = txn.http:req_get_headers()['cookie'] or {}
  txn.http:req_del_header('cookie')
  for index = 0, #values do
    local kept = {}
    for piece in ((values[index] or '') .. ';'):gmatch('([^;]*);') do
      if trimmed(piece:match('^[^=]*')):lower() ~= '__host-myserver' and trimmed(piece) ~= '' then kept[#kept + 1] = trimmed(piece) end
    end
    if #kept > 0 then txn.http:req_add_header('cookie', table.concat(kept, '; ')) end
  end
end)
`;
