"""mk.py SRC OUT [module]: '=== md|code [tags]' separated file → notebook (keeps outputs of equal code cells)."""
import sys, nbformat, re, hashlib
from nbformat.v4 import new_notebook,new_markdown_cell,new_code_cell
src,out=sys.argv[1:3]; module=sys.argv[3] if len(sys.argv)>3 else None
old={}
try:
    for c in nbformat.read(out,4).cells:
        if c.cell_type=='code': old[c.source]=(c.outputs,c.execution_count)
except FileNotFoundError: pass
cells=[]; n=0
for part in re.split(r'^=== ',open(src).read(),flags=re.M)[1:]:
    head,body=part.split('\n',1); kind,*tags=head.split(); body=body.strip('\n')
    cid=f'c{n:03d}'; n+=1
    if kind=='md': c=new_markdown_cell(body)
    else:
        c=new_code_cell(body)
        if body in old: c.outputs,c.execution_count=old[body]
    c.id=cid
    if tags: c.metadata['tags']=tags
    cells.append(c)
import json
META=json.load(open('drafts/meta.json'))
for i,c in enumerate(cells):
    if 'exercise' in c.metadata.get('tags',[]):
        check=cells[i+2].source; eid=re.search(r'checking\("([^"]+)"',check)[1]
        title=re.search(r'### Exercise \d+ · (.*)',c.source)[1].strip()
        diff,pts,mins=re.search(r'\*(\S+) · (\d+) points? · (\d+) minutes\*',c.source).groups()
        obj,hidden=META[eid]
        c.metadata['exercise']={"id":eid,"title":title,"points":int(pts),"difficulty":diff,"minutes":int(mins),"objective":obj}
        cells[i+2].metadata['exercise']={"id":eid,"hidden_tests":hidden}
        cells[i+3].metadata['exercise']={"id":eid}
nb=new_notebook(cells=cells)
nb.metadata['kernelspec']={"display_name":"Python 3","language":"python","name":"python3"}
nb.metadata['language_info']={"name":"python"}
if module: nb.metadata['export_module']=module
nbformat.write(nb,out)
