/**
 * Programs as people write them with Python's two SSH libraries: `python3 -c PROGRAM DEED GIVEN` does one deed and prints JSON. Both know the same deeds.
 * GIVEN is JSON: address, key, strangeKey, knownHosts, password, guestPassword, file to send, and back, where to put what came back.
 */

/** Says its number once all fifteen are there, so it ends only when they run at once. */
const oneOfFifteen = (library: string) =>
  `touch /tmp/${library}-%d; timeout 15 bash -c 'until [ $(ls /tmp/${library}-* | wc -l) = 15 ]; do sleep 0.05; done' && echo %d $(hostname)`;

const common = String.raw`
import hashlib, json, re, sys
deed, given = sys.argv[1], json.loads(sys.argv[2])
sizes = lambda screen: re.findall(r'[\r\n](\d+ \d+)\r\n', screen)
speaks = 'exec 3<>/dev/tcp/127.0.0.1/%d; echo from inside >&3; head -n 1 <&3'
request = 'GET /peer HTTP/1.0\r\n\r\n'
`;

export const paramikoProgram = String.raw`${common}
import threading, time, paramiko

def enter(user='0', **how):
    client = paramiko.SSHClient()
    client.load_host_keys(given['knownHosts'])
    if not how: how = {'key_filename': given['key']}
    client.connect(given['address'], username=user, look_for_keys=False, allow_agent=False, **how)
    return client

def output(client, command):
    return client.exec_command(command, timeout=20)[1].read().decode()

def run():
    _, out, err = enter().exec_command('id -un; hostname; echo oops >&2; exit 7')
    return {'code': out.channel.recv_exit_status(), 'out': out.read().decode(), 'err': err.read().decode()}

def password():
    hostname = output(enter('jbond007+1', password=given['password']), 'hostname')
    try: enter('jbond007+1', password='another password')
    except paramiko.AuthenticationException: return {'hostname': hostname, 'wrong': 'refused'}

def guest():
    return {'user': output(enter('guest@0', key_filename=given['key'], password=given['guestPassword']), 'id -un')}

def keys():
    return {'user': output(enter(key_filename=[given['strangeKey'], given['key']]), 'id -un')}

def signal():
    _, out, _ = enter().exec_command('kill -9 $$')
    return {'code': out.channel.recv_exit_status()}

def sftp():
    files = enter().open_sftp()
    files.mkdir('by-paramiko')
    files.put(given['file'], 'by-paramiko/one')
    files.rename('by-paramiko/one', 'by-paramiko/moved')
    files.chmod('by-paramiko/moved', 0o600)
    about = files.stat('by-paramiko/moved')
    files.get('by-paramiko/moved', given['back'])
    return {'names': files.listdir('by-paramiko'), 'size': about.st_size, 'mode': '%o' % (about.st_mode & 0o777)}

def forward():
    transport = enter('jbond007').get_transport()
    channel = transport.open_channel('direct-tcpip', ('server-0', 8000), ('127.0.0.1', 1))
    channel.sendall(request)
    peer = channel.makefile().read().decode().split('\r\n\r\n')[1]
    try: transport.open_channel('direct-tcpip', ('127.0.0.1', 9440), ('127.0.0.1', 1))
    except paramiko.ChannelException as error: return {'peer': peer, 'refused': str(error)}

def jump():
    line = enter('jbond007').get_transport().open_channel('direct-tcpip', ('server-0', 22), ('127.0.0.1', 1))
    inner = paramiko.SSHClient()
    inner.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    inner.connect('server-0', username='jbond007', key_filename=given['key'], sock=line, look_for_keys=False, allow_agent=False)
    return {'hostname': output(inner, 'hostname')}

def shell():
    channel = enter().invoke_shell('xterm-256color', 80, 24)
    channel.settimeout(20)
    screen = ''
    def until(count):
        nonlocal screen
        while len(sizes(screen)) < count: screen += channel.recv(4096).decode()
    channel.sendall('stty size; echo "=$TERM="\n')
    until(1)
    channel.resize_pty(132, 50)
    channel.sendall('stty size; exit 4\n')
    until(2)
    return {'sizes': sizes(screen), 'term': re.search(r'=(xterm\S*)=\r', screen)[1], 'code': channel.recv_exit_status()}

def reverse():
    client = enter()
    transport = client.get_transport()
    port = transport.request_port_forward('localhost', 0)
    _, out, _ = client.exec_command(speaks % port)
    channel = transport.accept(20)
    heard = channel.makefile().readline()
    channel.sendall('from outside\n')
    answered = out.read().decode()
    transport.cancel_port_forward('localhost', port)
    return {'heard': heard, 'answered': answered}

def parallel():
    client = enter()
    outputs = [None] * 15
    def one(number): outputs[number] = output(client, r"""${oneOfFifteen('paramiko')}""" % (number, number))
    threads = [threading.Thread(target=one, args=(number,)) for number in range(15)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return {'outputs': outputs}

def rekey():
    client = enter()
    transport = client.get_transport()
    transport.packetizer.REKEY_BYTES = 500000
    exchanges = 0
    begin = transport._send_kex_init
    def counted():
        nonlocal exchanges
        exchanges += 1
        begin()
    transport._send_kex_init = counted
    into, out, _ = client.exec_command('cat', timeout=20)
    sent = open(given['file'], 'rb').read()
    threading.Thread(target=into.write, args=(sent,), daemon=True).start()
    came = out.read(len(sent))
    # Were the channel closed while keys change, paramiko itself would wait for ever.
    while transport.in_kex or transport.packetizer.need_rekey(): time.sleep(0.01)
    into.channel.shutdown_write()
    came += out.read()
    return {'sha256': hashlib.sha256(came).hexdigest(), 'exchanges': exchanges}

print(json.dumps({'exec': run}.get(deed, globals().get(deed))()))
`;

export const asyncsshProgram = String.raw`${common}
import asyncio, asyncssh

def enter(user='0', **how):
    if not how: how = {'client_keys': [given['key']]}
    how = {'client_keys': None, 'agent_path': None, 'config': None, **how}
    return asyncssh.connect(given['address'], username=user, known_hosts=given['knownHosts'], **how)

async def run():
    async with enter() as connection:
        ran = await connection.run('id -un; hostname; echo oops >&2; exit 7')
        return {'code': ran.exit_status, 'out': ran.stdout, 'err': ran.stderr}

async def password():
    async with enter('jbond007+1', password=given['password']) as connection:
        hostname = (await connection.run('hostname')).stdout
    try:
        async with enter('jbond007+1', password='another password'): pass
    except asyncssh.PermissionDenied: return {'hostname': hostname, 'wrong': 'refused'}

async def guest():
    async with enter('guest@0', client_keys=[given['key']], password=given['guestPassword']) as connection:
        return {'user': (await connection.run('id -un')).stdout}

async def keys():
    async with enter(client_keys=[given['strangeKey'], given['key']]) as connection:
        return {'user': (await connection.run('id -un')).stdout}

async def signal():
    async with enter() as connection:
        return {'signal': (await connection.run('kill -9 $$')).exit_signal[0]}

async def sftp():
    async with enter() as connection, connection.start_sftp_client() as files:
        await files.mkdir('by-asyncssh')
        await files.put(given['file'], 'by-asyncssh/one')
        await files.rename('by-asyncssh/one', 'by-asyncssh/moved')
        await files.chmod('by-asyncssh/moved', 0o600)
        about = await files.stat('by-asyncssh/moved')
        await files.get('by-asyncssh/moved', given['back'])
        names = [name for name in await files.listdir('by-asyncssh') if name not in ('.', '..')]
        return {'names': names, 'size': about.size, 'mode': '%o' % (about.permissions & 0o777)}

async def forward():
    async with enter('jbond007') as connection:
        reader, writer = await connection.open_connection('server-0', 8000)
        writer.write(request.encode())
        peer = (await reader.read()).decode().split('\r\n\r\n')[1]
        try: await connection.open_connection('127.0.0.1', 9440)
        except asyncssh.ChannelOpenError as error: return {'peer': peer, 'refused': error.reason}

async def jump():
    async with enter('jbond007') as outer:
        inner = outer.connect_ssh('server-0', username='jbond007', client_keys=[given['key']], known_hosts=None, config=None)
        async with inner as connection:
            return {'hostname': (await connection.run('hostname')).stdout}

async def shell():
    async with enter() as connection:
        process = await connection.create_process(term_type='xterm-256color', term_size=(80, 24))
        screen = ''
        async def until(count):
            nonlocal screen
            while len(sizes(screen)) < count: screen += await asyncio.wait_for(process.stdout.read(4096), 20)
        process.stdin.write('stty size; echo "=$TERM="\n')
        await until(1)
        process.change_terminal_size(132, 50)
        process.stdin.write('stty size; exit 4\n')
        await until(2)
        await process.wait()
        return {'sizes': sizes(screen), 'term': re.search(r'=(xterm\S*)=\r', screen)[1], 'code': process.exit_status}

async def reverse():
    heard = []
    def begin(_host, _port):
        async def serve(reader, writer):
            heard.append((await reader.readline()).decode())
            writer.write(b'from outside\n')
            writer.write_eof()
        return serve
    async with enter() as connection:
        listener = await connection.start_server(begin, 'localhost', 0)
        answered = (await connection.run(speaks % listener.get_port())).stdout
        listener.close()
        await listener.wait_closed()
        return {'heard': heard[0], 'answered': answered}

async def parallel():
    async with enter() as connection:
        one = lambda number: connection.run(r"""${oneOfFifteen('asyncssh')}""" % (number, number), check=True)
        return {'outputs': [ran.stdout for ran in await asyncio.gather(*map(one, range(15)))]}

async def rekey():
    exchanges = 0
    begin = asyncssh.connection.SSHConnection._send_kexinit
    def counted(self):
        nonlocal exchanges
        exchanges += 1
        begin(self)
    asyncssh.connection.SSHConnection._send_kexinit = counted
    async with enter(client_keys=[given['key']], rekey_bytes=500000) as connection:
        ran = await connection.run('cat', input=open(given['file'], 'rb').read(), encoding=None)
        return {'sha256': hashlib.sha256(ran.stdout).hexdigest(), 'exchanges': exchanges}

print(json.dumps(asyncio.run(asyncio.wait_for({'exec': run}.get(deed, globals().get(deed))(), 25))))
`;
