import sys, time, json, os, base64, random, pathlib, resource, cProfile, pstats
sys.path.insert(0,'/work/main')
from sessionstore.grammar import Key, encode
from sessionstore.scan import scan_directory
from sessionstore import importing, archive, removal
from sessionstore.database import connect
from sessionstore.accounting import account
from sessionstore.descriptors import *
N=int(os.environ.get('N','100000'))
root=pathlib.Path('/tmp/prep/bench100k/baileys_sessions')
def build():
    d=root/'company_962302'; d.mkdir(parents=True)
    rnd=random.Random(1)
    b=lambda n=32: {"type":"Buffer","data":base64.b64encode(rnd.randbytes(n)).decode()}
    from tests.store.session_files import credentials, session, dump
    (d/'creds.json').write_text(dump(credentials()))
    for i in range(1,N+1):
        r=i%20
        if r<14: k,v=Key('pre-key',str(i)),{"private":b(),"public":b()}
        elif r<17: k,v=Key('session',f'{15550000000+i}.{i%50}'),session(i)
        elif r<18: k,v=Key('sender-key',f'{120363000000000000+i}@g.us::{15550000000+i}::0'),[{"senderKeyId":i,"senderChainKey":{"iteration":1,"seed":b()},"senderSigningKey":{"public":b(33)},"senderMessageKeys":[]}]
        elif r<19: k,v=Key('lid-mapping',str(15550000000+i)),str(99000000+i)
        else: k,v=Key('device-list',str(15550000000+i)),["0","14"]
        fd=os.open(d/encode(k),os.O_WRONLY|os.O_CREAT|os.O_EXCL,0o600); os.write(fd,dump(v).encode()); os.close(fd)
def T(name,f):
    t=time.time(); r=f(); e=time.time()-t; print(f"{name:22s} {e:7.2f} s  {N/e:9.0f} keys/s  rss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024} MB", flush=True); return r
def test_bench(conn):
    if not root.exists(): build()
    ids=subprocess_id()
    scan0=T("scan names", lambda: scan_directory(str(root),contents=False))
    T("read all raw", lambda: raw())
    T("rehearse(listed)", lambda: importing.rehearse(conn,scan0,'962302','r0','h'))
    scan=T("scan contents", lambda: scan_directory(str(root)))
    if os.environ.get('PROF'):
        p=cProfile.Profile(); p.enable(); importing.rehearse(conn,scan,'962302','r0','h'); p.disable(); pstats.Stats(p).sort_stats('tottime').print_stats(18)
    rec=T("stage(listed)", lambda: importing.stage(conn,scan0,'962302','r1','h'))
    proof=T("prove (scan given)", lambda: importing.prove(conn,rec.import_id,scan)); assert proof.ok, proof.mismatches
    T("unchanged", lambda: importing.unchanged(conn,rec.import_id))
    importing.activate(conn,rec.import_id)
    a=T("account", lambda: account(conn,scan,'live')); assert a.decision.removable, a.decision.reasons[:3]
    T("psql-like copy", lambda: copy_again(conn))
    os.makedirs('/tmp/prep/bench100k/out',exist_ok=True)
    fd=open_directory(str(root))
    rep=T("archive create", lambda: archive.create(fd,'/tmp/prep/bench100k/out','x',[ids[1]])); print(rep.bytes, rep.archive_bytes)
    T("archive check", lambda: archive.check(rep.archive,rep.manifest,ids[0]))
    os.close(fd)
    pf=open_directory(str(root.parent))
    def obj(f):
        with scan_directory(f,label='baileys_sessions') as s:
            d=account(conn,s,'live').decision
            return () if d.removable else d.reasons
    m=archive.verify_on_disk(rep.archive,rep.manifest)
    T("remove dry", lambda: removal.remove(pf,'baileys_sessions',manifest=m,objections=obj,dry_run=True))
    print(T("remove", lambda: removal.remove(pf,'baileys_sessions',manifest=m,objections=obj)))
    T("withdraw-like delete", lambda: conn.execute("delete from whatsapp_keys"))
    import shutil; shutil.rmtree('/tmp/prep/bench100k')
def raw():
    d=str(root/'company_962302')
    for e in os.scandir(d):
        with open(e.path,'rb') as f: f.read()
def copy_again(conn):
    conn.execute("create table k2 (like whatsapp_keys including all)")
    rows=conn.execute("select company_id,key_type,key_id,value::text from whatsapp_keys").fetchall()
    data="".join("\t".join(r).replace("\\","\\\\")+"\n" for r in rows).encode()
    t=time.time()
    with conn.cursor().copy("copy k2(company_id,key_type,key_id,value) from stdin") as c: c.write(data)
    print("  pure copy", time.time()-t)
def subprocess_id():
    import subprocess
    p='/tmp/prep/bench-id'
    if not os.path.exists(p): subprocess.run(['age-keygen','-o',p],check=True,capture_output=True)
    return p, subprocess.run(['age-keygen','-y',p],check=True,capture_output=True,text=True).stdout.strip()
